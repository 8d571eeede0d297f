// One update of `count` weights by each optimizer, over flat arrays. g' is grad_scale g throughout.
// All arrays are float32 and the caller's; no function allocates or fails. The formulas are those
// of torch.optim, whose order of operations is kept.
#pragma once
#include <cstdint>

namespace slipway::kernels {

// m = beta1 m + rest1 g', v = beta2 v + rest2 g'^2, w = keep w - step_size m / (sqrt(v)
// inverse_root2 + epsilon).
struct AdamWStep {
  float grad_scale, beta1, rest1, beta2, rest2, inverse_root2, epsilon, step_size, keep;
};
void adamw(const float* g, int64_t count, const AdamWStep& step, float* w, float* m, float* v);

// d = g' + decay w; with a buffer: buffer = momentum buffer + fresh d, d = nesterov ? d + momentum
// buffer : buffer; w -= rate d.
struct SgdStep {
  float grad_scale, decay, momentum, fresh, rate;
  bool nesterov;
};
void sgd(const float* g, int64_t count, const SgdStep& step, float* w,
         float* buffer /* nullptr = no momentum */);

// d = g' + decay w, sum += d^2, w -= rate d / (sqrt(sum) + epsilon).
struct AdagradStep {
  float grad_scale, decay, rate, epsilon;
};
void adagrad(const float* g, int64_t count, const AdagradStep& step, float* w, float* sum);

// d = g' + decay w, square = alpha square + rest d^2, a = sqrt(square - mean^2) + epsilon with mean
// = alpha mean + rest d (0 without `mean`); with a buffer: buffer = momentum buffer + d / a, w -=
// rate buffer; else w -= rate d / a.
struct RmspropStep {
  float grad_scale, decay, alpha, rest, epsilon, momentum, rate;
};
void rmsprop(const float* g, int64_t count, const RmspropStep& step, float* w, float* square,
             float* mean, float* buffer);

// w = keep w - rate sign(beta1 m + rest1 g'), m = beta2 m + rest2 g' (Chen et al., "Symbolic
// Discovery of Optimization Algorithms").
struct LionStep {
  float grad_scale, keep, beta1, rest1, beta2, rest2, rate;
};
void lion(const float* g, int64_t count, const LionStep& step, float* w, float* m);

// Adafactor's passes over `rows` rows of a matrix, `width` wide; the sums are what the caller
// averages over all rows (of them). row_sum[r] = sum of g'^2 + epsilon over the row; column_sum[c]
// += the same over the rows.
void adafactor_sums(const float* g, int64_t rows, int64_t width, float grad_scale, float epsilon,
                    float* row_sum, float* column_sum);
// The sum of squares of row[r] column[c] g', in float64.
double adafactor_squares(const float* g, int64_t rows, int64_t width, float grad_scale,
                         const float* row, const float* column);
// w = keep w - rate row[r] column[c] g'
void adafactor_apply(const float* g, int64_t rows, int64_t width, float grad_scale,
                     const float* row, const float* column, float keep, float rate, float* w);

}  // namespace slipway::kernels
