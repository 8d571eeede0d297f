// Row kernels of the fused operators for CPU. Built for several instruction sets; the fastest that
// the processor has is taken at run time. All arrays are contiguous float32 and owned by the
// caller, but where bfloat16 (uint16_t) is said; no function allocates or fails.
#pragma once
#include <cstdint>

namespace slipway::kernels {

// y = x / sqrt(mean(x^2) + eps) * w for `rows` rows of `width`; inverse_rms[rows] is kept for the
// backward pass.
void rms_norm(const float* x, const float* w, float eps, int64_t rows, int64_t width, float* y,
              float* inverse_rms);
// The same, rounded to bfloat16.
void rms_norm(const float* x, const float* w, float eps, int64_t rows, int64_t width, uint16_t* y,
              float* inverse_rms);

// Gradients of rms_norm: grad_x = residual (nullptr: nothing) + the gradient, grad_w[width] is
// added into.
void rms_norm_backward(const float* grad_y, const float* x, const float* w,
                       const float* inverse_rms, const float* residual, int64_t rows, int64_t width,
                       float* grad_x, float* grad_w);

// Rotary embedding, first half against second half: for every token and head
// (a, b) -> (a cos - b sin, b cos + a sin). cos/sin point at the token's row of `half` values; sign
// -1 undoes it. y may be x.
void rope(const float* x, const float* cos, const float* sin, float sign, int64_t heads,
          int64_t half, float* y);

// to += from, elementwise.
void add(const float* from, int64_t count, float* to);

// out = gate * sigmoid(gate) * up, elementwise.
void swiglu(const float* gate, const float* up, int64_t count, float* out);
void swiglu(const uint16_t* gate, const uint16_t* up, int64_t count, uint16_t* out);
// `out` = what swiglu gave, once more; nullptr = not wanted.
void swiglu_backward(const float* grad, const float* gate, const float* up, int64_t count,
                     float* grad_gate, float* grad_up, float* out);
void swiglu_backward(const float* grad, const uint16_t* gate, const uint16_t* up, int64_t count,
                     uint16_t* grad_gate, uint16_t* grad_up, uint16_t* out);

float dot(const float* a, const float* b, int64_t width);

// Summed in float64.
double sum_of_squares(const float* x, int64_t count);

// log(sum(exp(x))) of one row; its plain sum is added up beside it where `sum` is given.
float log_sum_exp(const float* x, int64_t width, double* sum = nullptr);
// grad = coefficient * exp(x - lse) + offset
void softmax_scaled(const float* x, float lse, float coefficient, float offset, int64_t width,
                    float* grad);
// One pass over a row, blocks of kBlock: largest[b], and mass[b] = sum of exp((x[i] - largest[b]) *
// inverse_temperature).
constexpr int64_t kBlock = 128;
inline int64_t blocks(int64_t width) { return (width + kBlock - 1) / kBlock; }
void block_masses(const float* x, float inverse_temperature, int64_t width, float* largest,
                  float* mass);
// p[i] = exp((x[i] - max) * inverse_temperature)
void exponentials(const float* x, float max, float inverse_temperature, int64_t width, float* p);
float row_max(const float* x, int64_t width);

}  // namespace slipway::kernels
