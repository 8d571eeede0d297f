// The gradients of a model in the pieces in which processes sum them: what is complete together in
// the backward pass.
#pragma once
#include <vector>

#include "model/parameters.h"

namespace slipway {

struct GradientUnit {
  at::Tensor grads;  // a part of a group's buffer
  // the gradients are complete once this segment's backward pass is behind; 0 = once all of it is
  int segment;
};

// An exchange takes as long as its latency until it carries about so many values.
constexpr int64_t kFewestExchanged = 256 * 1024;

// Of all trainable parameters, in the order in which the backward pass completes them: equal on
// every process that has the same model. Segments of fewer than `fewest` values are put together,
// as far as they lie side by side.
std::vector<GradientUnit> gradient_units(const FlatParameters& parameters,
                                         int64_t fewest = kFewestExchanged);

}  // namespace slipway
