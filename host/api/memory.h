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
  uint64_t weights = 0, gradients = 0, optimizer = 0, activations = 0, packed = 0, cache = 0, logits = 0, reference = 0;
  // Training and sampling take turns: what one of them holds alone is given back before the other begins.
  uint64_t total() const { return weights + optimizer + reference + logits + std::max(gradients + activations, packed + cache); }
  std::string text() const;
};
// Bytes of memory that the machine, the container's limit and RLIMIT_AS leave us; 0 = unknown.
uint64_t available_memory();

MemoryEstimate estimate_memory(const RunConfig& config, const Model& model);

// Throws OutOfMemory when the run needs more than is free; says what it needs.
void check_memory(const RunConfig& config, const Model& model);

}  // namespace slipway
