// Bringing parts to the first rank.
#include "loop/part_relay.h"

#include <algorithm>
#include <cstring>

#include "base/error.h"

namespace slipway {
namespace {

template <class T>
void append(std::string& bytes, const std::vector<T>& values) {
  bytes.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T));
}

// The next `count` values of `bytes`, which loses them.
template <class T>
std::vector<T> taken_from(std::string_view& bytes, size_t count) {
  std::vector<T> out(count);
  if (bytes.size() < count * sizeof(T))
    fail("predictions of another rank are too short; do all ranks run the same program?");
  if (count > 0) std::memcpy(out.data(), bytes.data(), count * sizeof(T));
  bytes.remove_prefix(count * sizeof(T));
  return out;
}

}  // namespace

PartRelay::PartRelay(const EvaluationSettings& settings, std::span<const Example> set,
                     int64_t vocab_size, const EvaluationHooks& hooks)
    : settings_(settings), set_(set), vocab_size_(vocab_size), hooks_(hooks), own_hooks_(hooks) {
  if (settings.ranks->is_alone()) return;
  if (hooks.on_part && !settings.ranks->leads())
    own_hooks_.on_part = [this](const EvaluatedPart& part) {
      append(told_, part.logprobs);
      if (hooks_.predictions) append(told_, part.predictions);
    };
  if (hooks.on_logits)
    own_hooks_.on_logits = [this](const EvaluatedPart& part, size_t label,
                                  const at::Tensor& logits_NV) {
      if (settings_.ranks->leads()) hooks_.on_logits(part, label, logits_NV);
      exchange_logits(&logits_NV);
    };
}

PartRelay::Share PartRelay::share_of(size_t batch) const {
  Share out;
  const auto size = static_cast<size_t>(settings_.batch_size);
  const size_t first = std::min(set_.size(), batch * size),
               last = std::min(set_.size(), first + size);
  out.parts = parts_of_batch(set_, first, last, settings_.max_tokens);
  for (size_t part = 0; part < out.parts.size(); ++part) {
    const auto labels = static_cast<int64_t>(out.parts[part].labels.size());
    for (int64_t row = 0; row < labels; row += kHeadRows)
      out.pieces.push_back(
          {part, static_cast<size_t>(row), std::min<int64_t>(kHeadRows, labels - row)});
  }
  return out;
}

void PartRelay::begin_round(size_t batch) {
  shares_.clear();
  pieces_exchanged_ = most_pieces_ = 0;
  if (settings_.ranks->is_alone() || (!hooks_.on_part && !hooks_.on_logits)) return;
  shares_.emplace_back();
  for (int64_t rank = 1; rank < settings_.ranks->world(); ++rank) {
    shares_.push_back(share_of(batch + static_cast<size_t>(rank)));
    most_pieces_ = std::max(most_pieces_, shares_.back().pieces.size());
  }
}

void PartRelay::finish_round() {
  if (shares_.empty()) return;
  while (hooks_.on_logits && pieces_exchanged_ < most_pieces_) exchange_logits(nullptr);
  if (hooks_.on_part) gather_parts();
}

void PartRelay::exchange_logits(const at::Tensor* own_NV) {
  RankGroup& ranks = *settings_.ranks;
  const size_t number = pieces_exchanged_++;
  for (size_t rank = 1; rank < shares_.size(); ++rank) {
    const Share& share = shares_[rank];
    if (number >= share.pieces.size()) continue;
    const Piece& piece = share.pieces[number];
    const auto from = static_cast<int64_t>(rank);
    const at::Tensor logits_NV =
        from == ranks.rank() ? *own_NV : at::empty({piece.rows, vocab_size_}, at::kFloat);
    ranks.broadcast(logits_NV, from, "logits");
    if (ranks.leads()) hooks_.on_logits(share.parts[piece.part], piece.first, logits_NV);
  }
}

void PartRelay::gather_parts() {
  const std::vector<std::string> all = settings_.ranks->all_gather_bytes(told_, "predictions");
  told_.clear();
  if (!settings_.ranks->leads()) return;
  for (size_t rank = 1; rank < shares_.size(); ++rank) {
    std::string_view rest = all[rank];
    for (EvaluatedPart& part : shares_[rank].parts) {
      part.logprobs = taken_from<float>(rest, part.labels.size());
      if (hooks_.predictions) part.predictions = taken_from<int32_t>(rest, part.labels.size());
      hooks_.on_part(part);
    }
    if (!rest.empty())
      fail("predictions of another rank are too long; do all ranks run the same program?");
  }
}

}  // namespace slipway
