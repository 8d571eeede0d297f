// Which prompts an iteration samples answers to.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

namespace slipway {

// `count` of `all` prompts, by their places. Each pass over the prompts is a new permutation;
// iterations take disjoint slices of it, one after the other.
std::vector<size_t> prompts_of_iteration(size_t all, int64_t count, int64_t iteration,
                                         uint64_t seed);

}  // namespace slipway
