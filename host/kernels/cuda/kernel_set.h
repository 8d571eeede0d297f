// DeviceKernels as launches; those of attention: attention_set.h, those of rows: row_set.h.
// Launcher is CUDA's (kernels.cu) or the tests' emulator:
//   template <class... Parameters, class... Arguments>
//   void launch(void (*kernel)(Parameters...), Grid grid, int threads, int shared_bytes,
//               Arguments... arguments);
//   // d = a b + beta c
//   void multiply(const ProductPlan& plan, const float* a, const float* b, const float* c, float*
//   d); const Card& card() const;  // the same at every call
#pragma once
#include "kernels/cuda/draw_kernel.h"
#include "kernels/cuda/loss_kernels.h"
#include "kernels/cuda/product_plan.h"
#include "kernels/cuda/row_set.h"
#include "kernels/cuda/update_kernels.h"

namespace slipway::cuda {

template <class Launcher>
class KernelSet : public RowSet<Launcher> {
 public:
  using RowSet<Launcher>::RowSet;

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

  void round_products(Rounding to) override { bfloat16_ = to == Rounding::kBfloat16; }
  void forward_product(ConstValues x, int64_t x_row, int64_t rows, int64_t k,
                       std::span<const Weight> weights, const float* addend, Values out,
                       int64_t y_row) override {
    float* y = out.floats;
    for (const Weight& weight : weights) {
      if (rows > 0)
        to_.multiply(rounded(forward_plan(x_row, rows, weight.n, k, y_row, addend != nullptr)),
                     weight.w, x.floats, addend == nullptr ? y : addend, y);
      y += weight.n;
      if (addend != nullptr) addend += weight.n;
    }
  }
  void input_gradient(ConstValues out_gradient, int64_t dy_row, int64_t rows,
                      std::span<const Weight> weights, int64_t k, float* dx, int64_t dx_row,
                      bool add) override {
    const float* dy = out_gradient.floats;
    for (const Weight& weight : weights) {
      if (rows > 0)
        to_.multiply(rounded(input_gradient_plan(dy_row, rows, weight.n, k, dx_row, add)), weight.w,
                     dy, dx, dx);
      dy += weight.n;
      add = true;
    }
  }
  void weight_gradients(ConstValues out_gradient, int64_t dy_row, ConstValues x, int64_t x_row,
                        int64_t rows, int64_t k,
                        std::span<const WeightGradient> gradients) override {
    const float* dy = out_gradient.floats;
    for (const WeightGradient& gradient : gradients) {
      if (rows > 0 && gradient.dw != nullptr)
        to_.multiply(rounded(weight_gradient_plan(dy_row, x_row, rows, gradient.n, k)), x.floats,
                     dy, gradient.dw, gradient.dw);
      dy += gradient.n;
    }
  }

  void draw(const DrawBatch& batch) override {
    if (batch.draws > 0)
      to_.launch(draw_kernel, {batch.draws}, kDrawThreads, draw_shared(batch), batch);
  }

 private:
  ProductPlan rounded(ProductPlan plan) const {
    plan.bfloat16 = bfloat16_;
    return plan;
  }

  using RowSet<Launcher>::to_;
  using RowSet<Launcher>::update_grid;
  bool bfloat16_ = false;
};

}  // namespace slipway::cuda
