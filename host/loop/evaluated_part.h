// How an evaluation cuts a set: batches, and parts of a batch that are computed together. It
// depends on the set alone, so every rank knows what the others compute.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "data/packing.h"

namespace slipway {

// Consecutive examples that were computed together. Labels: the tokens that carry loss, example by
// example.
struct EvaluatedPart {
  size_t first;  // index of the first example in its set
  std::span<const Example> examples;
  // [E + 1]: the labels of example e are [offsets[e], offsets[e + 1])
  std::vector<int64_t> offsets;
  std::vector<int32_t> labels;       // [N]
  std::vector<int32_t> positions;    // [N] of each label in its example
  std::vector<float> logprobs;       // [N]
  std::vector<int32_t> predictions;  // [N] the most likely token there; empty when nobody wants it
};

// The parts of the batch [first, last) of a set, in its order, each of as many examples as have
// `max_tokens` together, at least one; 0 = one part. They have no logprobs and predictions yet.
std::vector<EvaluatedPart> parts_of_batch(std::span<const Example> set, size_t first, size_t last,
                                          int64_t max_tokens);

}  // namespace slipway
