// Examples in memory.
#include "loop/feed.h"

#include "base/error.h"

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
                         int64_t done)
    : examples_(examples),
      accumulation_(settings.gradient_accumulation_steps),
      order_(lengths_of(examples), settings),
      shape_(order_.shape()) {
  if (shape_.micro_batches == 0)
    fail(
        "{} examples make no whole batch, and train.dataloader_drop_last leaves out what is less; "
        "lower train.per_device_train_batch_size",
        examples.size());
  if (done == 0) return;
  epoch_ = (done - 1) / shape_.steps;
  step_ = done - epoch_ * shape_.steps;
}

std::optional<StepExamples> OrderedFeed::next() {
  if (step_ == shape_.steps) return std::nullopt;
  if (!current_) current_ = order_.epoch(epoch_);
  const int64_t first = step_ * accumulation_,
                last = std::min(first + accumulation_, shape_.micro_batches);
  StepExamples out;
  out.first = examples_.data();
  for (int64_t m = first; m < last; ++m) {
    out.micro_batches.emplace_back();
    for (const int64_t i : current_->micro_batch(static_cast<size_t>(m)))
      out.micro_batches.back().push_back(&examples_[static_cast<size_t>(i)]);
  }
  ++step_;
  out.epoch = static_cast<double>(epoch_) +
              static_cast<double>(last) / static_cast<double>(shape_.micro_batches);
  return out;
}

void OrderedFeed::begin_epoch() {
  ++epoch_;
  step_ = 0;
  current_.reset();
}

}  // namespace slipway
