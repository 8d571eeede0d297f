// What kernels over rows are told beside the rows: norms and activations, by the numbers of the
// plugin contract (slipway/operators.h), and how their operands lie. Plain data, the caller's.
#pragma once
#include <cstdint>

#include "kernels/values.h"

namespace slipway {

enum class NormKind : int32_t {
  kRms,         // x / sqrt(mean(x^2) + eps) * w
  kRmsPlusOne,  // x / sqrt(mean(x^2) + eps) * (1 + w)
  kLayer,       // (x - mean(x)) / sqrt(variance(x) + eps) * w + bias
};

struct NormRule {
  NormKind kind;
  float eps;
  const float *w, *bias;  // [width]; bias nullptr: none
};
// In each row `groups` runs of `width` values side by side, a norm each; `row`: from row to row.
struct NormRows {
  int64_t rows, groups, width, row;
};
// What the backward pass needs of a norm: what each run was multiplied by and, of kLayer alone, its
// mean; [rows * groups] each.
struct NormMoments {
  float *inverse, *mean;
};

enum class Activation : int32_t {
  kSilu,      // x / (1 + exp(-x))
  kGelu,      // x (1 + erf(x / sqrt(2))) / 2
  kGeluTanh,  // x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2
  kRelu,      // max(x, 0)
};

// Rows [rows, width] of act(gate + gate_bias) * (up + up_bias), or, where there is no gate, of
// act(up + up_bias). `row`: from row to row of gate and up; biases [width] may be nullptr.
struct GatedRows {
  ConstValues gate, up;
  const float *gate_bias, *up_bias;
  int64_t rows, width, row;
  Activation activation;
};

}  // namespace slipway
