// The launches of kernels over rows. Launcher: kernel_set.h.
#pragma once
#include "kernels/cuda/attention_set.h"
#include "kernels/cuda/column_kernels.h"
#include "kernels/cuda/gated_kernels.h"
#include "kernels/cuda/norm_kernels.h"
#include "kernels/cuda/row_kernels.h"
#include "kernels/cuda/value_kernels.h"

namespace slipway::cuda {

template <class Launcher>
class RowSet : public AttentionSet<Launcher> {
 public:
  using AttentionSet<Launcher>::AttentionSet;

  void embedding(const float* w, int64_t vocab, const int64_t* ids, int64_t tokens, int64_t width,
                 float* out) override {
    if (tokens > 0)
      to_.launch(embedding_kernel, {tokens}, kEmbeddingThreads, 0, w, vocab, ids, width, out);
  }
  void embedding_backward(const float* dy, const int64_t* ids, int64_t tokens, int64_t vocab,
                          int64_t width, float* dw) override {
    if (tokens > 0)
      to_.launch(embedding_backward_kernel, {tokens}, kRowThreads, 0, dy, ids, tokens, vocab, width,
                 dw);
  }

  void norm(const float* x, const NormRule& rule, const NormRows& rows, Values y,
            const NormMoments& moments) override {
    if (rows.rows > 0)
      to_.launch(norm_kernel, {rows.rows, rows.groups}, kNormThreads, 0, x, rule, rows, y, moments);
  }
  int64_t row_parts(int64_t rows) const override { return rows < 512 ? rows : 512; }
  void norm_backward(const float* grad_y, const float* x, const NormRule& rule,
                     const NormRows& rows, const NormMoments& moments, const float* residual,
                     float* partial, float* grad_x, float* grad_w, float* grad_bias) override {
    const int64_t parts = row_parts(rows.rows);
    if (parts == 0) return;
    to_.launch(norm_backward_kernel, {parts}, kNormThreads, 0, grad_y, x, rule, rows, moments,
               residual, grad_x, partial);
    add_parts(partial, parts, rows.width, grad_w);
    add_parts(partial + parts * rows.width, parts, rows.width, grad_bias);
  }
  void rope(const float* x, int64_t x_row, const int64_t* positions, const RotaryAngles& angles,
            float sign, int64_t rows, int64_t heads, int64_t width, float* y,
            int64_t y_row) override {
    if (rows > 0)
      to_.launch(rope_kernel, {rows}, kRopeThreads, 0, x, x_row, positions, angles.inverse,
                 angles.scale, sign, heads, angles.half, width, y, y_row);
  }
  void gated(const GatedRows& in, Values out) override {
    if (in.rows > 0)
      to_.launch(gated_kernel, {in.rows, pieces(in.width, 4 * kGatedThreads)}, kGatedThreads, 0, in,
                 out);
  }
  void gated_backward(const float* grad, const GatedRows& in, Values d_gate, Values d_up,
                      Values out) override {
    if (in.rows > 0)
      to_.launch(gated_backward_kernel, {in.rows, pieces(in.width, 4 * kGatedThreads)},
                 kGatedThreads, 0, grad, in, d_gate, d_up, out);
  }
  void add_bias(const float* bias, int64_t rows, int64_t width, float* y, int64_t y_row) override {
    if (rows > 0)
      to_.launch(add_bias_kernel, {rows, pieces(width, kBiasThreads)}, kBiasThreads, 0, bias, width,
                 y, y_row);
  }
  void bias_gradient(ConstValues dy, int64_t dy_row, int64_t rows, int64_t width, float* partial,
                     float* d_bias) override {
    const int64_t parts = row_parts(rows);
    if (parts == 0) return;
    to_.launch(column_sums_kernel, {parts, pieces(width, kColumnThreads)}, kColumnThreads, 0, dy,
               dy_row, rows, width, partial);
    add_parts(partial, parts, width, d_bias);
  }
  void add_scaled(const float* x, float factor, const float* t, int64_t count, float* y) override {
    if (count > 0)
      to_.launch(add_scaled_kernel, update_grid(count), kGatedThreads, 0, x, factor, t, count, y);
  }
  void softcap(const float* x, float cap, int64_t count, float* y) override {
    if (count > 0)
      to_.launch(softcap_kernel, update_grid(count), kGatedThreads, 0, x, cap, count, y);
  }
  void softcap_backward(const float* dy, const float* y, float cap, int64_t count,
                        float* dx) override {
    if (count > 0)
      to_.launch(softcap_backward_kernel, update_grid(count), kGatedThreads, 0, dy, y, cap, count,
                 dx);
  }

 protected:
  // For kernels over single values.
  static constexpr Grid update_grid(int64_t count) {
    constexpr int64_t kMostBlocks = 4096, kThreads = 256;
    const int64_t blocks = pieces(count, kThreads);
    return {blocks < kMostBlocks ? blocks : kMostBlocks};
  }

  using AttentionSet<Launcher>::to_;

 private:
  void add_parts(const float* partial, int64_t parts, int64_t width, float* to) {
    if (to != nullptr)
      to_.launch(add_parts_kernel, {pieces(width, kWarp)}, kPartThreads, 0, partial, parts, width,
                 to);
  }
};

}  // namespace slipway::cuda
