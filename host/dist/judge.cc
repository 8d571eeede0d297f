// Who is lost and whom the others wait for, from what all ranks tell.
#include "dist/judge.h"

#include <fmt/format.h>

#include "base/visible_text.h"

namespace slipway {

Judge::Judge(std::vector<Member> members, int64_t own_rank, double limit_seconds)
    : members_(std::move(members)),
      own_(static_cast<size_t>(own_rank)),
      limit_seconds_(limit_seconds),
      ranks_(members_.size()) {}

void Judge::heard(const std::vector<Beat>& beats, const std::vector<bool>& is_gone,
                  double seconds) {
  for (size_t rank = 0; rank < ranks_.size(); ++rank) {
    Watched& watched = ranks_[rank];
    const bool moved = beats[rank].count != watched.beat.count;
    watched.silence = moved ? 0 : watched.silence + seconds;
    watched.gone = is_gone[rank] ? watched.gone + 1 : 0;
    watched.beat = beats[rank];
  }
}

bool Judge::is_lost(const Watched& rank) const {
  return rank.beat.state == Beat::State::kAtWork &&
         (rank.gone > 1 || rank.silence > limit_seconds_);
}

bool Judge::has_begun(int64_t rank, const WaitedExchange& waited) const {
  const auto& begun = ranks_[static_cast<size_t>(rank)].beat.begun;
  const auto found = begun.find(waited.group);
  return found != begun.end() && found->second >= waited.number;
}

std::string Judge::name_of(int64_t rank) const {
  return member_text(rank, members_[static_cast<size_t>(rank)]);
}

std::string Judge::work_of(int64_t rank) const {
  const Beat& beat = ranks_[static_cast<size_t>(rank)].beat;
  return fmt::format("at step {} it was {}", beat.step,
                     beat.doing.empty() ? "starting" : visible_line(beat.doing));
}

std::string Judge::verdict(const WaitedExchange* waited) const {
  for (size_t i = 0; i < ranks_.size(); ++i)
    if (i != own_ && ranks_[i].beat.state == Beat::State::kFailed) {
      const auto rank = static_cast<int64_t>(i);
      return fmt::format("{} ended by an error at step {}: {}", name_of(rank), ranks_[i].beat.step,
                         visible_text(ranks_[i].beat.reason));
    }
  for (size_t i = 0; i < ranks_.size(); ++i) {
    const auto rank = static_cast<int64_t>(i);
    if (i == own_ || !is_lost(ranks_[i])) continue;
    if (ranks_[i].gone > 1)
      return fmt::format("{} is lost: its process has ended without a word; {}", name_of(rank),
                         work_of(rank));
    return fmt::format("{} is lost: nothing was heard of it for {:.3g} s; {}", name_of(rank),
                       limit_seconds_, work_of(rank));
  }
  if (waited == nullptr) return {};
  for (const int64_t rank : waited->ranks)
    if (ranks_[static_cast<size_t>(rank)].beat.state == Beat::State::kDone &&
        !has_begun(rank, *waited))
      return fmt::format(
          "{} is done and takes no part in exchanging {}: the ranks do not do the "
          "same work",
          name_of(rank), waited->what);
  return {};
}

std::string Judge::missing(const WaitedExchange& waited) const {
  std::string names;
  for (const int64_t rank : waited.ranks)
    if (static_cast<size_t>(rank) != own_ && !has_begun(rank, waited))
      names += fmt::format("{}{}, {}", names.empty() ? "" : "; ", name_of(rank), work_of(rank));
  return names;
}

bool Judge::speaks_for(const WaitedExchange& waited) const {
  for (const int64_t rank : waited.ranks) {
    if (static_cast<size_t>(rank) == own_) return true;
    if (has_begun(rank, waited) && ranks_[static_cast<size_t>(rank)].beat.is_waiting) return false;
  }
  return true;
}

bool Judge::others_have_ended() const {
  for (size_t rank = 0; rank < ranks_.size(); ++rank)
    if (rank != own_ && ranks_[rank].beat.state == Beat::State::kAtWork && !is_lost(ranks_[rank]))
      return false;
  return true;
}

}  // namespace slipway
