// Flat buffers in the host's memory, by all threads.
#pragma once
#include "kernels/kernels.h"

namespace slipway {

class CpuFlatKernels : public Kernels {
 public:
  void adamw(const float* g, int64_t count, const kernels::AdamWStep& step, float* w, float* m,
             float* v) override;
  void sgd(const float* g, int64_t count, const kernels::SgdStep& step, float* w,
           float* buffer) override;
  void adagrad(const float* g, int64_t count, const kernels::AdagradStep& step, float* w,
               float* sum) override;
  void rmsprop(const float* g, int64_t count, const kernels::RmspropStep& step, float* w,
               float* square, float* mean, float* buffer) override;
  void lion(const float* g, int64_t count, const kernels::LionStep& step, float* w,
            float* m) override;
  void scale(float* x, int64_t count, float factor) override;
};

// `sum` plus the squares of x [count], in float64, by parts that do not depend on the threads.
double cpu_add_squares(double sum, const float* x, int64_t count);
void cpu_fill(float* x, int64_t count, float value);
// x and y, `count` long each, change contents.
void cpu_swap(float* x, float* y, int64_t count);

}  // namespace slipway
