// Which examples make which micro-batch of which epoch: the orders of the Hugging Face Trainer.
#pragma once
#include <cstdint>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <vector>

namespace slipway {

struct OrderSettings {
  // random: a permutation seeded data_seed (or seed) + epoch. sequential: as they are.
  // group_by_length: examples of about the same length together, seeded seed, the longest first.
  // batch_rebalance: the examples of a step in micro-batches of about the same padded cost and of
  // different sizes, seeded 42 + epoch whatever the seeds are.
  std::string strategy = "random";
  uint64_t seed = 42;
  std::optional<uint64_t> data_seed;
  int64_t batch_size = 8, gradient_accumulation_steps = 1;
  // examples that make no whole micro-batch (batch_rebalance: no whole step) are left out
  bool drop_last = false;
  int64_t ranks = 1;  // processes that share each step's examples
};

// Of every epoch, as each of the processes sees it. An accumulation group may be short at the
// epoch's end; it makes a step all the same.
struct EpochShape {
  int64_t micro_batches, steps;  // at least one step, even where there are no micro-batches
};
EpochShape epoch_shape(int64_t examples, const OrderSettings& settings);

// The examples of an epoch by their indices, cut into micro-batches: those of all processes.
struct EpochOrder {
  std::vector<int64_t> examples, ends;  // micro-batch m ends before ends[m]
  std::span<const int64_t> micro_batch(size_t m) const {
    const auto begin = m == 0 ? 0 : static_cast<size_t>(ends[m - 1]);
    return std::span(examples).subspan(begin, static_cast<size_t>(ends[m]) - begin);
  }
};

class DataOrder {
 public:
  // `lengths`: tokens of each example. Throws Error when there are more than 200 million.
  DataOrder(std::vector<int64_t> lengths, OrderSettings settings);

  EpochShape shape() const { return epoch_shape(static_cast<int64_t>(lengths_.size()), settings_); }
  const OrderSettings& settings() const { return settings_; }

  // Epochs count from 0 and may be asked for in any order: what an epoch is depends on its number
  // alone. Asking for them in ascending order is fastest.
  EpochOrder epoch(int64_t number);

 private:
  std::vector<int64_t> grouped_by_length(int64_t epoch);
  EpochOrder rebalanced(int64_t epoch) const;

  std::vector<int64_t> lengths_;
  OrderSettings settings_;
  // group_by_length draws every epoch from one generator, as torch's global one is drawn from in
  // the Trainer.
  std::mt19937 generator_;
  int64_t next_epoch_ = 0;  // that generator_ stands before
};

}  // namespace slipway
