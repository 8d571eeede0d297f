// What computes models, one interface whatever the device: kernels/cpu and kernels/cuda implement
// it. Arrays lie in the device's memory unless said otherwise; they are float32, row-major, the
// caller's; `*_row` is the distance of rows in floats. The processor's calls are done when they
// return; a device's return at once and work in order on its current stream. What a device cannot
// see in time (an id that is none) the processor throws Error for. This header knows neither
// LibTorch nor CUDA.
#pragma once
#include <span>

#include "kernels/attention_plan.h"
#include "kernels/flat_kernels.h"
#include "kernels/rounding.h"
#include "kernels/row_rules.h"

namespace slipway {

// w [n, k]; its columns of y follow those of the weight before it.
struct Weight {
  const float* w;
  int64_t n;
};
// Where a weight's gradient [n, k] is added into; nullptr = not wanted.
struct WeightGradient {
  float* dw;
  int64_t n;
};

// Angles of rotary positions: position times inverse[i], i in [0, half), whose cos and sin are
// multiplied by `scale`; or, for the processor, these [positions, half] as tables in its memory.
struct RotaryAngles {
  const float* inverse;
  const float *cos, *sin;
  int64_t half;
  float scale = 1;
};

class Kernels : public FlatKernels {
 public:
  // out [tokens, width] = rows `ids` of w [vocab, width]; an id that is none gives not-a-numbers.
  virtual void embedding(const float* w, int64_t vocab, const int64_t* ids, int64_t tokens,
                         int64_t width, float* out) = 0;
  // dw[ids[t]] += dy[t], equal ids in ascending order of t; dw [vocab, width]. An id that is none
  // is left out.
  virtual void embedding_backward(const float* dy, const int64_t* ids, int64_t tokens,
                                  int64_t vocab, int64_t width, float* dw) = 0;

  // What the rule says of each run; y lies as x does and may be x. Moments are kept for the
  // backward pass.
  virtual void norm(const float* x, const NormRule& rule, const NormRows& rows, Values y,
                    const NormMoments& moments) = 0;
  // Sums over rows are cut into parts by their number alone: so many rows of room are wanted; may
  // be 0.
  virtual int64_t row_parts(int64_t rows) const = 0;
  // grad_x = residual (nullptr: nothing) + the gradient; both lie as x does, and grad_x may be
  // grad_y. grad_w and grad_bias [width] are added into, nullptr = not wanted. `partial`: room for
  // 2 * row_parts(rows) * width floats.
  virtual void norm_backward(const float* grad_y, const float* x, const NormRule& rule,
                             const NormRows& rows, const NormMoments& moments,
                             const float* residual, float* partial, float* grad_x, float* grad_w,
                             float* grad_bias) = 0;
  // Rotates `heads` heads of `width` values in each row, of each the first 2 * half values, first
  // half against second half: (a, b) -> (a cos - b sin, b cos + a sin); sign -1 turns back. y may
  // be x.
  virtual void rope(const float* x, int64_t x_row, const int64_t* positions,
                    const RotaryAngles& angles, float sign, int64_t rows, int64_t heads,
                    int64_t width, float* y, int64_t y_row) = 0;
  // out [rows, width], as GatedRows says.
  virtual void gated(const GatedRows& in, Values out) = 0;
  // From grad [rows, width]; d_gate and d_up lie as gate and up do, d_gate nullptr where there is
  // no gate. `out` once more; nullptr = not wanted.
  virtual void gated_backward(const float* grad, const GatedRows& in, Values d_gate, Values d_up,
                              Values out) = 0;
  // y [rows, width] += bias [width]; and d_bias += the sum of dy's rows. `partial`: room for
  // row_parts(rows) * width floats.
  virtual void add_bias(const float* bias, int64_t rows, int64_t width, float* y,
                        int64_t y_row) = 0;
  virtual void bias_gradient(ConstValues dy, int64_t dy_row, int64_t rows, int64_t width,
                             float* partial, float* d_bias) = 0;
  // y = x + factor * t, without x factor * t; y may be either.
  virtual void add_scaled(const float* x, float factor, const float* t, int64_t count,
                          float* y) = 0;
  // y = cap tanh(x / cap), and dx = dy (1 - (y / cap)^2); y may be x, and dx dy.
  virtual void softcap(const float* x, float cap, int64_t count, float* y) = 0;
  virtual void softcap_backward(const float* dy, const float* y, float cap, int64_t count,
                                float* dx) = 0;

  // As token_logprobs (operators/operators.h); grad nullptr = not wanted, may be the logits. A
  // target that is none gives not-a-number.
  virtual void token_logprobs(const float* logits, const int64_t* targets, int64_t rows,
                              int64_t width, float coefficient, float smoothing, float* out,
                              float* grad) = 0;

  // Products from here on, of this thread on the processor and of all on a device: both operands
  // rounded, sums in float32; kNone: all of it float32, as at the start. A device has no kFloat16:
  // whoever reads run files refuses it (api/check_run.h).
  virtual void round_products(Rounding to) = 0;
  // Whether Values may be bfloat16 now; where not, all that is given is float32. What one call
  // takes or gives is of one type, but of a device's products each operand is of its own. Rows of
  // bfloat16 that a product takes are followed by memory that can be read up to a multiple of
  // kOperandRows.
  virtual bool bfloat16_values() const { return false; }
  static constexpr int64_t kOperandRows = 32;
  // to[i] = from[i] rounded; and back. Where bfloat16_values().
  virtual void round_values(const float* /*from*/, int64_t /*count*/, uint16_t* /*to*/) {}
  virtual void widen_values(const uint16_t* /*from*/, int64_t /*count*/, float* /*to*/) {}
  // y [rows, n1 + n2 + ...] = x [rows, k] [w1; w2; ...]^T, plus `addend` that lies as y does
  // (nullptr: nothing; may be y).
  // To a bfloat16 y nothing is added.
  virtual void forward_product(ConstValues x, int64_t x_row, int64_t rows, int64_t k,
                               std::span<const Weight> weights, const float* addend, Values y,
                               int64_t y_row) = 0;
  // dx [rows, k] (+)= dy [rows, n1 + n2 + ...] [w1; w2; ...]
  virtual void input_gradient(ConstValues dy, int64_t dy_row, int64_t rows,
                              std::span<const Weight> weights, int64_t k, float* dx, int64_t dx_row,
                              bool add) = 0;
  // dwi [ni, k] += dyi^T x: dyi the i-th columns of dy [rows, n1 + n2 + ...], x [rows, k].
  virtual void weight_gradients(ConstValues dy, int64_t dy_row, ConstValues x, int64_t x_row,
                                int64_t rows, int64_t k,
                                std::span<const WeightGradient> gradients) = 0;

  // Queries of one block of attention with heads of a width: the plan's tables must be made for it;
  // 0: the trees are enough. Throws std::length_error, which says what is needed and what there is,
  // when the device cannot attend with such heads.
  virtual int64_t attention_tile(int64_t head_width) const = 0;
  // out [T, heads * width]: softmax of scale q k^T over the keys that a query may see, times v. lse
  // [T, heads]: log of the sum of exponentials of each query's scores.
  virtual void attention(const AttentionRows& in, const AttentionPlan& plan, float* out,
                         float* lse) = 0;
  // dq, dk and dv lie as q, k and v do, and are written; `out` and `lse` are the forward's.
  // `delta`: room for [T, heads].
  virtual void attention_backward(const AttentionRows& in, const AttentionPlan& plan,
                                  const float* out, const float* lse, const float* d_out,
                                  float* delta, float* dq, float* dk, float* dv) = 0;
};

}  // namespace slipway
