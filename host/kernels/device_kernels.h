// What a device other than the processor offers beyond the common interface: decoding whole steps
// without the host, and numbers that stay there.
#pragma once
#include "kernels/kernels.h"

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
struct CacheLayer {
  float *prompt_k, *prompt_v, *slot_k, *slot_v;
  int64_t prompt_capacity, slot_capacity;
};

class DeviceKernels : public Kernels {
 public:
  static constexpr int64_t kWidestHead = 256;
  // Stores keys and values of prompts' tokens: token t goes to place[t] (region * prompt_capacity +
  // position; negative: nowhere).
  virtual void cache_prompts(const AttentionRows& in, int64_t tokens, const int64_t* places,
                             const CacheLayer& cache) = 0;
  // One new token a row: stores its key and value in the row's slot, then attends to the prompt and
  // the slot. Rows with a negative slot give zeros. A row's result depends on its own lengths
  // alone, not on other rows. `partial`: attention_decode_room() floats. Throws as
  // attention_tile().
  virtual void attention_decode(const AttentionRows& in, const DecodeRows& rows,
                                const CacheLayer& cache, float* partial, float* out) = 0;
  // By sizes alone: of rows, heads and cache. May be 0.
  virtual int64_t attention_decode_room(const AttentionRows& in, const DecodeRows& rows,
                                        const CacheLayer& cache) const = 0;

  // forward_product() of weights w [n, k] that are bfloat16 already; x is rounded.
  virtual void rounded_product(ConstValues x, int64_t x_row, int64_t rows, int64_t k,
                               const uint16_t* w, int64_t n, const float* addend, Values y,
                               int64_t y_row) = 0;
  // Rounding and widening, also where products are float32.
  void round_values(const float* from, int64_t count, uint16_t* to) override = 0;
  void widen_values(const uint16_t* from, int64_t count, float* to) override = 0;

  // Draws as sample_token (generate/sampling.h) does, with the same random numbers.
  virtual void draw(const DrawBatch& batch) = 0;
  // out [rows] = the first of each row's largest values; what is no number is larger than all.
  virtual void most_likely(const float* x, int64_t rows, int64_t width, int64_t* out) = 0;

  // sum[0] = sum of squares, float64; the same on every call. `partial`: kSquareParts doubles.
  static constexpr int64_t kSquareParts = 256;
  virtual void squares(const float* x, int64_t count, double* partial, double* sum) = 0;
  // total[0] += the sum of x, in float64; the same on every call.
  virtual void add_sum(const float* x, int64_t count, double* total) = 0;
};

}  // namespace slipway
