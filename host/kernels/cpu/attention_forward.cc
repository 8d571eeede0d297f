// Attention's forward in float32, and over keys and values that are cached already.
#include <algorithm>

#include "kernels/cpu/attention_bf16.h"
#include "kernels/cpu/attention_kernel.h"
#include "kernels/cpu/attention_queries.h"

namespace slipway {
namespace {

class FloatProducts {
 public:
  using Run = CachedRun;

  static int64_t floats_of(int64_t length, int64_t width) {
    return cached_key_floats(width, capacity(length)) +
           cached_value_floats(width, capacity(length));
  }
  static Run at(float* memory, int64_t length, int64_t width) {
    return {memory, memory + cached_key_floats(width, capacity(length)), length, capacity(length)};
  }
  static void pack(const AttentionRows& in, int64_t from, int64_t first, int64_t count,
                   const Run& to) {
    const int64_t w = gemm::panel_width();
    gemm::pack_transposed(in.k + from, in.kv_row, count, in.width, 0, gemm::panels(count),
                          const_cast<float*>(to.k) + first * in.width,
                          gemm::panel_floats(in.width));
    gemm::pack(in.v + from, in.kv_row, in.width, count, 0, gemm::panels(in.width),
               const_cast<float*>(to.v) + first * w, w * to.capacity);
  }

  static int64_t query_floats(int64_t rows, int64_t width) { return rows * width; }
  FloatProducts(float* memory, int64_t rows, int64_t width)
      : q_(memory), rows_(rows), width_(width) {}
  void take(const float* q, int64_t q_row, int64_t count, int64_t row) {
    for (int64_t i = 0; i < count; ++i) std::copy_n(q + i * q_row, width_, q_ + (row + i) * width_);
  }
  void score(const Run& run, int64_t tile, int64_t keys, float* scores) const {
    const int64_t whole = rounded_up(keys, gemm::lanes());
    gemm::multiply({q_, width_, 1}, rows_, width_,
                   {run.k + tile * width_, gemm::panel_floats(width_)}, whole, 0,
                   gemm::panels(whole), scores, kScoreRow, false);
  }
  void weigh(const Run& run, int64_t tile, int64_t keys, const float* scores, float* out,
             bool add) const {
    const int64_t w = gemm::panel_width();
    gemm::multiply({scores, kScoreRow, 1}, rows_, keys, {run.v + tile * w, w * run.capacity},
                   width_, 0, gemm::panels(width_), out, width_, add);
  }

 private:
  static int64_t capacity(int64_t length) { return rounded_up(length, gemm::panel_width()); }

  float* const q_;
  const int64_t rows_, width_;
};

}  // namespace

void attention_forward(const AttentionRows& in, const std::vector<PrefixTree>& trees, float* out,
                       float* lse) {
  if (attention_bf16::is_chosen(in.width)) return attention_bf16::forward(in, trees, out, lse);
  attend_in_pieces<FloatProducts>(in, trees, out, lse);
}

void attention_cached(
    const AttentionRows& in, std::span<const CachedPiece> pieces,
    const std::function<CachedRun(int64_t region, int64_t kv_head, int64_t length)>& run,
    float* out, float* lse) {
  std::vector<CachedPiece> cut;
  for (const CachedPiece& piece : pieces)
    for (int64_t i = (piece.length - 1) / kQueryBlock * kQueryBlock; i >= 0; i -= kQueryBlock)
      cut.push_back({piece.begin + i, std::min(kQueryBlock, piece.length - i), piece.position + i,
                     piece.region});
  parallel_chunks(static_cast<int64_t>(cut.size()) * in.kv_heads, [&](int64_t chunk) {
    const CachedPiece& piece = cut[static_cast<size_t>(chunk / in.kv_heads)];
    const int64_t kv = chunk % in.kv_heads, keys = piece.position + piece.length;
    QueryGroup<FloatProducts> group(in, piece.begin, piece.length, kv);
    group.attend(run(piece.region, kv, keys), keys, piece.position + 1,
                 in.scores.first_key(piece.position));
    group.write(out, lse);
  });
}

}  // namespace slipway
