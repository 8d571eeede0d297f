// What is done to flat buffers of weights, gradients and optimizer state as a whole, whatever the
// device. Arrays are float32, `count` long, and lie in memory of the device that does it.
#pragma once
#include <cstdint>

#include "kernels/update_steps.h"

namespace slipway {

class FlatKernels {
 public:
  virtual ~FlatKernels() = default;

  // One update by each optimizer, as update_steps.h has it. `buffer` and `mean`: nullptr where the
  // step has none.
  virtual void adamw(const float* g, int64_t count, const kernels::AdamWStep& step, float* w,
                     float* m, float* v) = 0;
  virtual void sgd(const float* g, int64_t count, const kernels::SgdStep& step, float* w,
                   float* buffer) = 0;
  virtual void adagrad(const float* g, int64_t count, const kernels::AdagradStep& step, float* w,
                       float* sum) = 0;
  virtual void rmsprop(const float* g, int64_t count, const kernels::RmspropStep& step, float* w,
                       float* square, float* mean, float* buffer) = 0;
  virtual void lion(const float* g, int64_t count, const kernels::LionStep& step, float* w,
                    float* m) = 0;
  // x *= factor.
  virtual void scale(float* x, int64_t count, float factor) = 0;
};

}  // namespace slipway
