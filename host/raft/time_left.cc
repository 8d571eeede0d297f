// The estimate's arithmetic.
#include "raft/time_left.h"

#include <algorithm>

namespace slipway {
namespace {

// Less of a part says too little about the whole of it.
constexpr double kTelling = 0.1;

size_t index(RaftPart part) { return static_cast<size_t>(part); }

}  // namespace

bool TimeLeft::occurs(RaftPart part, int64_t iteration) const {
  if (part == RaftPart::kEnd) return iteration == shape_.iterations - 1;
  if (part == RaftPart::kEvaluate) {
    const int64_t done = iteration + 1;
    const bool due = done == 0 || done == shape_.iterations ||
                     (shape_.eval_every > 0 && done % shape_.eval_every == 0);
    return shape_.evaluates && due;
  }
  return iteration >= 0 && (part != RaftPart::kSave || shape_.saves);
}

void TimeLeft::enter(RaftPart part, int64_t iteration, double now, double done) {
  const double here = 1 - done_before_;  // this process's share of the part that ends
  if (entered_ && here > kTelling) {
    std::optional<double>& known = seconds_[index(part_)];
    const double took = (now - began_) / here;
    known = known ? (*known + took) / 2 : took;
  }
  entered_ = true;
  part_ = part;
  iteration_ = iteration;
  began_ = now;
  done_before_ = done;
}

std::optional<double> TimeLeft::usual(RaftPart part) const {
  if (part != RaftPart::kEnd || seconds_[index(part)]) return seconds_[index(part)];
  // The final model is written as a checkpoint is.
  if (!shape_.saves) return 0;
  return written_behind_ ? written_behind_ : seconds_[index(RaftPart::kSave)];
}

std::optional<double> TimeLeft::rest(double done, double now) const {
  const double spent = now - began_, share = done - done_before_;
  if (const std::optional<double> all = usual(part_)) {
    const double left = *all * (1 - done_before_) - spent;
    // Longer than usual: by how far it is.
    return left > 0 ? left : spent * (1 - done) / std::max(share, 0.5);
  }
  if (share < kTelling) return std::nullopt;
  return spent * (1 - done) / share;
}

double TimeLeft::others(bool after, std::optional<double> here, double guess, bool& known) const {
  double out = 0;
  for (int64_t i = -1; i < shape_.iterations; ++i)
    for (size_t p = 0; p < kRaftParts; ++p) {
      const auto part = static_cast<RaftPart>(p);
      const bool is_before = i < iteration_ || (i == iteration_ && part < part_),
                 is_after = i > iteration_ || (i == iteration_ && part > part_);
      if (!(after ? is_after : is_before) || !occurs(part, i)) continue;
      const std::optional<double> seconds = part == part_ && !usual(part) ? here : usual(part);
      known = known && seconds.has_value();
      out += seconds.value_or(guess);
    }
  return out;
}

TimeLeft::Estimate TimeLeft::at(double done, double now) {
  double sum = 0, count = 0;
  for (const std::optional<double>& each : seconds_)
    if (each) sum += *each, ++count;
  const double guess = count > 0 ? sum / count : 1;
  bool known = true, ignored = true;
  const std::optional<double> left = rest(done, now);
  std::optional<double> here = usual(part_);
  if (!here && left) here = (now - began_ + *left) / (1 - done_before_);
  const double before = others(false, here, guess, ignored),
               after = others(true, here, guess, known),
               left_here = left.value_or(guess * (1 - done)),
               all = before + std::max(here.value_or(guess), left_here) + after;
  if (all > 0) told_ = std::max(told_, std::clamp(1 - (left_here + after) / all, 0.0, 1.0));
  Estimate out{told_, std::nullopt};
  if (known && left) out.seconds = *left + after;
  return out;
}

}  // namespace slipway
