// What a device other than the processor must offer: the host's operators as kernels over memory of
// that device. Every call returns at once and works in order on the device's current stream.
// Pointers are the device's unless said otherwise, arrays float32, row-major, the caller's; `*_row`
// is the distance of rows in floats. This header knows neither LibTorch nor CUDA.
#pragma once
#include <cstdint>

#include "kernels/attention_plan.h"
#include "kernels/flat_kernels.h"

namespace slipway {

// Where and how tokens are drawn: one entry a draw.
struct DrawBatch {
  const float* logits;  // [rows, vocab]
  int64_t vocab;
  // [draws]: row of logits (nullptr: the draw's own), and the random key's parts
  const int64_t *rows, *prompts, *samples, *places;
  int64_t draws;
  uint64_t seed;
  uint32_t iteration;
  double temperature, top_p;  // as SamplingSettings
  int64_t top_k;
  int64_t* tokens;  // [draws], written
  float* logprobs;  // [draws], written
};

// Keys and values of cached positions, [runs, kv_heads, capacity, width] each: one layer of the
// prompts and of the rows' own tokens.
struct DeviceCache {
  float *prompt_k, *prompt_v, *slot_k, *slot_v;
  int64_t prompt_capacity, slot_capacity;
};

class DeviceKernels : public FlatKernels {
 public:
  // out [tokens, width] = rows `ids` of w [vocab, width]; an id that is none gives not-a-numbers.
  virtual void embedding(const float* w, int64_t vocab, const int64_t* ids, int64_t tokens,
                         int64_t width, float* out) = 0;
  // dw[ids[t]] += dy[t], equal ids in ascending order of t; dw [vocab, width]. An id that is none
  // is left out.
  virtual void embedding_backward(const float* dy, const int64_t* ids, int64_t tokens,
                                  int64_t vocab, int64_t width, float* dw) = 0;

  // As kernels/cpu/rows.h. `partial`: room for rms_norm_parts(rows) * width floats; grad_w nullptr
  // = not wanted.
  virtual void rms_norm(const float* x, const float* w, float eps, int64_t rows, int64_t width,
                        float* y, float* inverse_rms) = 0;
  virtual int64_t rms_norm_parts(int64_t rows) const = 0;
  virtual void rms_norm_backward(const float* grad_y, const float* x, const float* w,
                                 const float* inverse_rms, const float* residual, int64_t rows,
                                 int64_t width, float* partial, float* grad_x, float* grad_w) = 0;
  // As rotate_rows, angles being position times `inverse` [half]. y may be x.
  virtual void rope(const float* x, int64_t x_row, const int64_t* positions, const float* inverse,
                    float sign, int64_t rows, int64_t heads, int64_t half, float* y,
                    int64_t y_row) = 0;
  // out [rows, width] = silu(gate) * up.
  virtual void swiglu(const float* gate, const float* up, int64_t in_row, int64_t rows,
                      int64_t width, float* out) = 0;
  // `out` once more; nullptr = not wanted. d_gate and d_up lie as gate and up do.
  virtual void swiglu_backward(const float* grad, const float* gate, const float* up,
                               int64_t in_row, int64_t rows, int64_t width, float* d_gate,
                               float* d_up, float* out) = 0;

  // As token_logprobs (operators/operators.h); grad nullptr = not wanted, may be the logits. A
  // target that is none gives not-a-number.
  virtual void token_logprobs(const float* logits, const int64_t* targets, int64_t rows,
                              int64_t width, float coefficient, float smoothing, float* out,
                              float* grad) = 0;
  // out [rows] = the first of each row's largest values; what is no number is larger than all.
  virtual void most_likely(const float* x, int64_t rows, int64_t width, int64_t* out) = 0;
  // sum[0] = sum of squares, float64; the same on every call. `partial`: kSquareParts doubles.
  static constexpr int64_t kSquareParts = 256;
  virtual void squares(const float* x, int64_t count, double* partial, double* sum) = 0;

  // total[0] += the sum of x, in float64; the same on every call.
  virtual void add_sum(const float* x, int64_t count, double* total) = 0;

  static constexpr int64_t kWidestHead = 256;
  // Queries of one block of attention with heads of a width: the plan must be made for it. Throws
  // std::length_error, which says what is needed and what there is, when the device cannot; so does
  // attention_decode().
  virtual int64_t attention_tile(int64_t head_width) const = 0;
  virtual void attention(const AttentionRows& in, const AttentionPlan& plan, float* out,
                         float* lse) = 0;
  // `delta`: room for [T, heads].
  virtual void attention_backward(const AttentionRows& in, const AttentionPlan& plan,
                                  const float* out, const float* lse, const float* d_out,
                                  float* delta, float* dq, float* dk, float* dv) = 0;
  // Stores keys and values of prompts' tokens: token t goes to place[t] (region * prompt_capacity +
  // position; negative: nowhere).
  virtual void cache_prompts(const AttentionRows& in, int64_t tokens, const int64_t* places,
                             const DeviceCache& cache) = 0;
  // One new token a row: stores its key and value in the row's slot, then attends to the prompt and
  // the slot. Rows with a negative slot give zeros. A row's result depends on its own lengths
  // alone, not on other rows. `partial`: attention_decode_room() floats.
  virtual void attention_decode(const AttentionRows& in, const DecodeRows& rows,
                                const DeviceCache& cache, float* partial, float* out) = 0;
  // By sizes alone: of rows, heads and cache. May be 0.
  virtual int64_t attention_decode_room(const AttentionRows& in, const DecodeRows& rows,
                                        const DeviceCache& cache) const = 0;

  // Products from here on: both operands rounded to bfloat16, sums in float32; false: all of it
  // float32, as at the start.
  virtual void round_products(bool on) = 0;
  // y [rows, n] = x [rows, k] w [n, k]^T, plus `addend` that lies as y does (nullptr: nothing; may
  // be y).
  virtual void forward_product(const float* x, int64_t x_row, int64_t rows, const float* w,
                               int64_t n, int64_t k, const float* addend, float* y,
                               int64_t y_row) = 0;
  // dx [rows, k] (+)= dy [rows, n] w [n, k]
  virtual void input_gradient(const float* dy, int64_t dy_row, int64_t rows, const float* w,
                              int64_t n, int64_t k, float* dx, int64_t dx_row, bool add) = 0;
  // dw [n, k] += dy [rows, n]^T x [rows, k]
  virtual void weight_gradient(const float* dy, int64_t dy_row, const float* x, int64_t x_row,
                               int64_t rows, int64_t n, int64_t k, float* dw) = 0;

  // Draws as sample_token (generate/sampling.h) does, with the same random numbers.
  virtual void draw(const DrawBatch& batch) = 0;
};

}  // namespace slipway
