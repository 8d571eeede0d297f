// What attention makes of the product of a query and a key (kernels/attention_plan.h).
#pragma once
#include "kernels/attention_plan.h"
#include "kernels/cuda/dialect.h"

namespace slipway::cuda {

// A score, and its slope in the product.
struct Score {
  float value, slope;
  __device__ Score(const ScoreRule& rule, float dot) : value(dot * rule.scale), slope(rule.scale) {
    if (rule.softcap <= 0) return;
    const float t = tanhf(value / rule.softcap);
    value = rule.softcap * t, slope = rule.scale * (1.0f - t * t);
  }
};

}  // namespace slipway::cuda
