// One update of `count` weights by each optimizer, over flat arrays, on the calling thread;
// formulas: kernels/update_steps.h. All arrays are float32 and the caller's; no function allocates
// or fails.
#pragma once
#include <cstdint>

#include "kernels/update_steps.h"

namespace slipway::kernels {

void adamw(const float* g, int64_t count, const AdamWStep& step, float* w, float* m, float* v);

void sgd(const float* g, int64_t count, const SgdStep& step, float* w,
         float* buffer /* nullptr = no momentum */);

void adagrad(const float* g, int64_t count, const AdagradStep& step, float* w, float* sum);

void rmsprop(const float* g, int64_t count, const RmspropStep& step, float* w, float* square,
             float* mean, float* buffer);

void lion(const float* g, int64_t count, const LionStep& step, float* w, float* m);

void scale(float* x, int64_t count, float factor);
void fill(float* x, int64_t count, float value);

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
