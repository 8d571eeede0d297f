// Row kernels of the fused operators for CPU. Built for several instruction sets; the fastest that
// the processor has is taken at run time. All arrays are contiguous float32 and owned by the
// caller, but where bfloat16 (uint16_t) is said; no function allocates or fails.
#pragma once
#include <cstdint>

namespace slipway::kernels {

// Rotary embedding of the first 2 * half of each head's `width` values, first half against second
// half: for every token and head (a, b) -> (a cos - b sin, b cos + a sin). cos/sin point at the
// token's row of `half` values; sign -1 turns back. y may be x; else the rest of a head is copied.
void rope(const float* x, const float* cos, const float* sin, float sign, int64_t heads,
          int64_t half, int64_t width, float* y);

// to += from, elementwise.
void add(const float* from, int64_t count, float* to);
void add(const uint16_t* from, int64_t count, float* to);
// y = x + factor * t, without x factor * t, elementwise; y may be either.
void add_scaled(const float* x, float factor, const float* t, int64_t count, float* y);
// y = cap * tanh(x / cap), and dx = dy (1 - (y / cap)^2), elementwise; outputs may be inputs.
void softcap(const float* x, float cap, int64_t count, float* y);
void softcap_backward(const float* dy, const float* y, float cap, int64_t count, float* dx);

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
