// The memory that a run will need, told before it begins.
#pragma once
#include <algorithm>
#include <cstdint>
#include <string>

#include "config/run_config.h"
#include "model/model.h"

namespace slipway {

// What a run will hold in memory, in bytes, and a line that says so.
struct MemoryEstimate {
  uint64_t weights = 0, gradients = 0, optimizer = 0, activations = 0, packed = 0, cache = 0,
           logits = 0, reference = 0, workspace = 0;
  // The copy that a checkpoint is written from while training goes on; there meanwhile.
  uint64_t saved = 0;
  // Training and sampling take turns: what one of them holds alone is given back before the other
  // begins. Weights are packed in the gradients' memory as far as that reaches.
  uint64_t total() const {
    return weights + optimizer + reference + logits + workspace +
           std::max(gradients + activations, std::max(gradients, packed) + cache);
  }
  // What is there once the model is made.
  uint64_t held() const { return weights + gradients; }
  // Whether the copy has room beside the rest; with 0 free, which says nothing, it has.
  bool saved_fits(uint64_t free) const { return free == 0 || total() - held() + saved <= free; }
  std::string text() const;
};
MemoryEstimate estimate_memory(const RunConfig& config, const Model& model);

// The model is made: throws OutOfMemory when the run needs more beside it than is free; says what
// it needs. What malloc, the device's pool and the operators keep of an earlier attempt is free.
// Returns whether the copies of checkpoints fit beside the rest, with a word where they do not.
bool check_memory(const RunConfig& config, const Model& model);

}  // namespace slipway
