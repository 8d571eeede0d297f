// Attention over rows of queries, keys and values that lie in wider rows (a fused q, k, v product),
// in blocks of queries: the scores of one block exist at a time. Softmax of scale q k^T over the
// keys that a query may see. Where products round to bfloat16 (product_rounding.h), those of
// attention_forward() and attention_backward() do.
#pragma once
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "kernels/attention_plan.h"
#include "kernels/cpu/attention_pieces.h"
#include "kernels/cpu/gemm.h"

namespace slipway {

// out [T, heads * width], lse [T, heads]: log of the sum of exponentials of each query's scores.
void attention_forward(const AttentionRows& in, const std::vector<PrefixTree>& trees, float* out,
                       float* lse);

// dq, dk and dv lie as q, k and v do, and are written. `out` and `lse` are the forward's, d_out [T,
// heads * width]; `delta`: room for [T, heads].
void attention_backward(const AttentionRows& in, const std::vector<PrefixTree>& trees,
                        const float* out, const float* lse, const float* d_out, float* delta,
                        float* dq, float* dk, float* dv);

// A run of cached positions of one key-value head, in the layout of products (gemm.h): keys are
// panels of positions, [position / W][width][W]; values panels of width, [width / W][capacity][W],
// W = gemm::panel_width().
struct CachedRun {
  const float* k;
  const float* v;
  int64_t length, capacity;  // capacity: a multiple of W
};
inline int64_t cached_key_floats(int64_t width, int64_t capacity) { return width * capacity; }
inline int64_t cached_value_floats(int64_t width, int64_t capacity) {
  return gemm::panels(width) * gemm::panel_width() * capacity;
}
// Puts one position's key and value [width] into a run.
void cache_position(const float* k, const float* v, int64_t width, int64_t position,
                    int64_t capacity, float* run_k, float* run_v);

// Tokens [begin, begin + length) of the batch, which stand at `position` and on in the sequence
// that `region` caches.
struct CachedPiece {
  int64_t begin, length, position, region;
};
// Causal attention of pieces to their sequences as far as these are cached, the pieces' own tokens
// included: bit for bit what attention_forward() gives for the whole sequence. `run` gives a
// region's keys and values. Only q of `in` is read.
void attention_cached(
    const AttentionRows& in, std::span<const CachedPiece> pieces,
    const std::function<CachedRun(int64_t region, int64_t kv_head, int64_t length)>& run,
    float* out, float* lse);

// A row that goes on from a prompt, and one key-value head of it: queries q [group, width], the run
// of its own tokens, the first position of its sequence that it sees (below 0: all), and where out
// [group, width] goes.
struct ContinuingRow {
  const float* q;
  CachedRun own;
  int64_t first_key;
  float* out;
};
// Each row over the prompt that all of them share, then over its own tokens: parts of kKeyTile keys
// of the one, then of the other, joined in this order. So a row comes to the same bits whoever does
// its parts, and with whom.
void attention_decode(std::span<const ContinuingRow> rows, int64_t group, int64_t width,
                      const ScoreRule& rule, const CachedRun& prompt);

// The same part by part. A row's q [group, width], the first key of the run that it sees (below 0:
// all), and where what the part gave it goes: so many floats.
struct PartRow {
  const float* q;
  int64_t first_key;
  float* result;
};
inline int64_t floats_of_part(int64_t group, int64_t width) { return group * (width + 2); }
inline int64_t key_parts(int64_t keys) { return (keys + kKeyTile - 1) / kKeyTile; }
void decode_part(std::span<const PartRow> rows, int64_t group, int64_t width, const ScoreRule& rule,
                 const CachedRun& run, int64_t part);
// All parts of a row, `distance` floats from one to the next, in order.
void join_parts(const float* results, int64_t distance, int64_t parts, int64_t group, int64_t width,
                const ScoreRule& rule, float* out);

}  // namespace slipway
