// One call a member: the work is in rows, products and attention.
#include "kernels/cpu/cpu_kernels.h"

#include "compute/parallel.h"
#include "kernels/cpu/attention_kernel.h"
#include "kernels/cpu/flat_kernels.h"
#include "kernels/cpu/gemm_bf16.h"
#include "kernels/cpu/product.h"
#include "kernels/cpu/product_rounding.h"
#include "kernels/cpu/row_kernels.h"
#include "kernels/cpu/rows.h"

namespace slipway {
namespace {

class CpuKernels final : public CpuFlatKernels {
 public:
  void embedding(const float* w, int64_t vocab, const int64_t* ids, int64_t tokens, int64_t width,
                 float* out) override {
    embedding_rows(w, vocab, ids, tokens, width, out);
  }
  void embedding_backward(const float* dy, const int64_t* ids, int64_t tokens, int64_t vocab,
                          int64_t width, float* dw) override {
    embedding_rows_backward(dy, ids, tokens, vocab, width, dw);
  }

  void norm(const float* x, const NormRule& rule, const NormRows& rows, Values y,
            const NormMoments& moments) override {
    norm_rows(x, rule, rows, y, moments);
  }
  int64_t row_parts(int64_t) const override { return 0; }
  void norm_backward(const float* grad_y, const float* x, const NormRule& rule,
                     const NormRows& rows, const NormMoments& moments, const float* residual,
                     float*, float* grad_x, float* grad_w, float* grad_bias) override {
    norm_rows_backward(grad_y, x, rule, rows, moments, residual, grad_x, grad_w, grad_bias);
  }
  void rope(const float* x, int64_t x_row, const int64_t* positions, const RotaryAngles& angles,
            float sign, int64_t rows, int64_t heads, int64_t width, float* y,
            int64_t y_row) override {
    rotate_rows(x, x_row, positions, angles, sign, rows, heads, width, y, y_row);
  }
  void gated(const GatedRows& in, Values out) override { gated_rows(in, out); }
  void gated_backward(const float* grad, const GatedRows& in, Values d_gate, Values d_up,
                      Values out) override {
    gated_rows_backward(grad, in, d_gate, d_up, out);
  }
  void add_bias(const float* bias, int64_t rows, int64_t width, float* y, int64_t y_row) override {
    bias_rows(bias, rows, width, y, y_row);
  }
  void bias_gradient(ConstValues dy, int64_t dy_row, int64_t rows, int64_t width, float*,
                     float* d_bias) override {
    sum_rows(dy, dy_row, rows, width, d_bias);
  }
  void add_scaled(const float* x, float factor, const float* t, int64_t count, float* y) override {
    add_scaled_values(x, factor, t, count, y);
  }
  void softcap(const float* x, float cap, int64_t count, float* y) override {
    softcap_values(x, cap, count, y);
  }
  void softcap_backward(const float* dy, const float* y, float cap, int64_t count,
                        float* dx) override {
    softcap_values_backward(dy, y, cap, count, dx);
  }

  void token_logprobs(const float* logits, const int64_t* targets, int64_t rows, int64_t width,
                      float coefficient, float smoothing, float* out, float* grad) override {
    token_logprob_rows(logits, targets, rows, width, coefficient, smoothing, out, grad);
  }

  void round_products(Rounding to) override { product_rounding = to; }
  bool bfloat16_values() const override { return product_rounding == Rounding::kBfloat16; }
  void round_values(const float* from, int64_t count, uint16_t* to) override {
    parallel_ranges(count, kValuesPerTask, [&](int64_t begin, int64_t end) {
      gemm_bf16::round_values(from + begin, end - begin, to + begin);
    });
  }
  void widen_values(const uint16_t* from, int64_t count, float* to) override {
    parallel_ranges(count, kValuesPerTask, [&](int64_t begin, int64_t end) {
      gemm_bf16::widen_values(from + begin, end - begin, to + begin);
    });
  }
  void forward_product(ConstValues x, int64_t x_row, int64_t rows, int64_t k,
                       std::span<const Weight> weights, const float* addend, Values y,
                       int64_t y_row) override {
    slipway::forward_product(x, x_row, rows, k, weights, addend, y, y_row);
  }
  void input_gradient(ConstValues dy, int64_t dy_row, int64_t rows, std::span<const Weight> weights,
                      int64_t k, float* dx, int64_t dx_row, bool add) override {
    slipway::input_gradient(dy, dy_row, rows, weights, k, dx, dx_row, add);
  }
  void weight_gradients(ConstValues dy, int64_t dy_row, ConstValues x, int64_t x_row, int64_t rows,
                        int64_t k, std::span<const WeightGradient> gradients) override {
    slipway::weight_gradients(dy, dy_row, x, x_row, rows, k, gradients);
  }

  int64_t attention_tile(int64_t) const override { return 0; }
  void attention(const AttentionRows& in, const AttentionPlan& plan, float* out,
                 float* lse) override {
    attention_forward(in, *plan.trees, out, lse);
  }
  void attention_backward(const AttentionRows& in, const AttentionPlan& plan, const float* out,
                          const float* lse, const float* d_out, float* delta, float* dq, float* dk,
                          float* dv) override {
    slipway::attention_backward(in, *plan.trees, out, lse, d_out, delta, dq, dk, dv);
  }
};

}  // namespace

Kernels& cpu_kernels() {
  static CpuKernels kernels;
  return kernels;
}

}  // namespace slipway
