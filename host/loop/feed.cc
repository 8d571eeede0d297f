// Examples in memory.
#include "loop/feed.h"

#include "base/error.h"
#include "data/shard.h"

namespace slipway {
namespace {

std::vector<int64_t> lengths_of(std::span<const Example> examples) {
  std::vector<int64_t> out;
  out.reserve(examples.size());
  for (const Example& example : examples) out.push_back(static_cast<int64_t>(example.ids.size()));
  return out;
}

}  // namespace

OrderedFeed::OrderedFeed(std::span<const Example> examples, const OrderSettings& settings,
                         int64_t done, int64_t rank)
    : examples_(examples),
      rank_(static_cast<size_t>(rank)),
      order_(lengths_of(examples), settings),
      shape_(order_.shape()) {
  if (shape_.micro_batches == 0)
    fail(
        "{} examples make no whole batch{}, and train.dataloader_drop_last leaves out what is "
        "less; lower train.per_device_train_batch_size",
        examples.size(),
        settings.ranks > 1 ? fmt::format(" for each of {} processes", settings.ranks) : "");
  if (done == 0) return;
  epoch_ = (done - 1) / shape_.steps;
  step_ = done - epoch_ * shape_.steps;
}

std::optional<StepExamples> OrderedFeed::next() {
  if (step_ == shape_.steps) return std::nullopt;
  const OrderSettings& settings = order_.settings();
  if (shares_.empty()) {
    const EpochOrder whole = order_.epoch(epoch_);
    for (int64_t rank = 0; rank < settings.ranks; ++rank)
      shares_.push_back(share_of(whole, rank, settings));
  }
  const int64_t accumulation = settings.gradient_accumulation_steps, first = step_ * accumulation,
                last = std::min(first + accumulation, shape_.micro_batches);
  StepExamples out;
  out.first = examples_.data();
  for (int64_t m = first; m < last; ++m) {
    out.micro_batches.emplace_back();
    out.tokens.push_back(0);
    for (size_t rank = 0; rank < shares_.size(); ++rank)
      for (const int64_t i : shares_[rank].micro_batch(static_cast<size_t>(m))) {
        const Example& example = examples_[static_cast<size_t>(i)];
        out.tokens.back() += static_cast<int64_t>(example.ids.size());
        out.labels += example.label_tokens();
        if (rank == rank_) out.micro_batches.back().push_back(&example);
      }
  }
  ++step_;
  out.epoch = static_cast<double>(epoch_) +
              static_cast<double>(last) / static_cast<double>(shape_.micro_batches);
  return out;
}

void OrderedFeed::begin_epoch() {
  ++epoch_;
  step_ = 0;
  shares_.clear();
}

}  // namespace slipway
