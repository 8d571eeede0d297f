// A step's examples in micro-batches of about the same padded cost: what train_sampling_strategy =
// "batch_rebalance" does.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

namespace slipway {

// Indices of `lengths` in `groups` groups of about the same padded cost, dearest first; no group is
// empty unless there are fewer lengths than groups. `effective`: examples of a whole step, which
// bounds the search.
std::vector<std::vector<size_t>> balanced_groups(const std::vector<int64_t>& lengths, size_t groups,
                                                 size_t effective);

}  // namespace slipway
