// Activations, gated or not, for CPU, built for several instruction sets as row_kernels.h. No
// function allocates or fails.
#pragma once
#include "kernels/row_rules.h"

namespace slipway::kernels {

// One row [width] of what GatedRows says (kernels/row_rules.h), all values of one type: gate
// nullptr: there is none; biases may be nullptr.
template <class Value>
struct GatedRow {
  const Value *gate, *up;
  const float *gate_bias, *up_bias;
  int64_t width;
  Activation activation;
};

void gated(const GatedRow<float>& in, float* out);
void gated(const GatedRow<uint16_t>& in, uint16_t* out);
// Gradients from grad [width]; d_gate nullptr where there is no gate. `out`: what gated() gave,
// once more; nullptr: not wanted.
void gated_backward(const float* grad, const GatedRow<float>& in, float* d_gate, float* d_up,
                    float* out);
void gated_backward(const float* grad, const GatedRow<uint16_t>& in, uint16_t* d_gate,
                    uint16_t* d_up, uint16_t* out);

}  // namespace slipway::kernels
