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
  // Training and sampling take turns: what one of them holds alone is given back before the other
  // begins. Weights are packed in the gradients' memory as far as that reaches.
  uint64_t total() const {
    return weights + optimizer + reference + logits + workspace +
           std::max(gradients + activations, std::max(gradients, packed) + cache);
  }
  // What is there once the model is made.
  uint64_t held() const { return weights + gradients; }
  std::string text() const;
};
// Bytes of memory that the machine, the container's limit and RLIMIT_AS leave us; 0 = unknown.
uint64_t available_memory();
// What the limit of a control group (v2) leaves: pages that only mirror files are no hindrance. The
// most there is where it sets none.
uint64_t left_in_group(const fs::path& group);

MemoryEstimate estimate_memory(const RunConfig& config, const Model& model);

// The model is made: throws OutOfMemory when the run needs more beside it than is free; says what
// it needs. What malloc, the device's pool and the operators keep of an earlier attempt is free.
void check_memory(const RunConfig& config, const Model& model);

}  // namespace slipway
