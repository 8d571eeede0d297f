// DeviceKernels as launches; those of attention: attention_set.h, those of rows: row_set.h,
// products: product_set.h. Launcher is CUDA's (kernels.cu) or the tests' emulator:
//   template <class... Parameters, class... Arguments>
//   void launch(void (*kernel)(Parameters...), Grid grid, int threads, int shared_bytes,
//               Arguments... arguments);
//   void multiply(const ProductPlan& plan, const ProductOperands& of);  // d = a b + beta c
//   // Memory for `count` values that are rounded on their way into a product, a place for each
//   // operand: what it gave before stays readable.
//   uint16_t* room(OperandRoom place, int64_t count);
//   const Card& card() const;  // the same at every call
#pragma once
#include "kernels/cuda/draw_kernel.h"
#include "kernels/cuda/loss_kernels.h"
#include "kernels/cuda/product_set.h"
#include "kernels/cuda/update_kernels.h"

namespace slipway::cuda {

template <class Launcher>
class KernelSet : public ProductSet<Launcher> {
 public:
  using ProductSet<Launcher>::ProductSet;

  void token_logprobs(const float* logits, const int64_t* targets, int64_t rows, int64_t width,
                      float coefficient, float smoothing, float* out, float* grad) override {
    if (rows > 0)
      to_.launch(token_logprobs_kernel, {rows}, kLossThreads, 0, logits, targets, width,
                 coefficient, smoothing, out, grad);
  }
  void most_likely(const float* x, int64_t rows, int64_t width, int64_t* out) override {
    if (rows > 0) to_.launch(most_likely_kernel, {rows}, kMostLikelyThreads, 0, x, width, out);
  }
  void adamw(const float* g, int64_t count, const kernels::AdamWStep& step, float* w, float* m,
             float* v) override {
    if (count > 0)
      to_.launch(adamw_kernel, update_grid(count), kUpdateThreads, 0, g, count, step, w, m, v);
  }
  void sgd(const float* g, int64_t count, const kernels::SgdStep& step, float* w,
           float* buffer) override {
    if (count > 0)
      to_.launch(sgd_kernel, update_grid(count), kUpdateThreads, 0, g, count, step, w, buffer);
  }
  void adagrad(const float* g, int64_t count, const kernels::AdagradStep& step, float* w,
               float* sum) override {
    if (count > 0)
      to_.launch(adagrad_kernel, update_grid(count), kUpdateThreads, 0, g, count, step, w, sum);
  }
  void rmsprop(const float* g, int64_t count, const kernels::RmspropStep& step, float* w,
               float* square, float* mean, float* buffer) override {
    if (count > 0)
      to_.launch(rmsprop_kernel, update_grid(count), kUpdateThreads, 0, g, count, step, w, square,
                 mean, buffer);
  }
  void lion(const float* g, int64_t count, const kernels::LionStep& step, float* w,
            float* m) override {
    if (count > 0)
      to_.launch(lion_kernel, update_grid(count), kUpdateThreads, 0, g, count, step, w, m);
  }
  void scale(float* x, int64_t count, float factor) override {
    if (count > 0)
      to_.launch(scale_kernel, update_grid(count), kUpdateThreads, 0, x, count, factor);
  }
  void squares(const float* x, int64_t count, double* partial, double* sum) override {
    to_.launch(squares_kernel, {DeviceKernels::kSquareParts}, kLossThreads, 0, x, count, partial);
    to_.launch(squares_sum_kernel, {1}, 1, 0, partial, DeviceKernels::kSquareParts, sum);
  }
  void add_sum(const float* x, int64_t count, double* total) override {
    to_.launch(add_sum_kernel, {1}, kLossThreads, 0, x, count, total);
  }

  void draw(const DrawBatch& batch) override {
    if (batch.draws > 0)
      to_.launch(draw_kernel, {batch.draws}, kDrawThreads, draw_shared(batch), batch);
  }

 private:
  using ProductSet<Launcher>::to_;
  using ProductSet<Launcher>::update_grid;
};

}  // namespace slipway::cuda
