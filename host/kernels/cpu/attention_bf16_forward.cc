// Attention's forward with products in bfloat16.
#include <algorithm>

#include "kernels/cpu/attention_bf16.h"
#include "kernels/cpu/attention_queries.h"
#include "kernels/cpu/gemm_bf16.h"

namespace slipway::attention_bf16 {
namespace {

using gemm_bf16::depth, gemm_bf16::kColumns, gemm_bf16::panel_size, gemm_bf16::panels;

// Keys in panels of positions, values in tiles of kKeyTile positions, each in panels of width.
struct RoundedRun {
  uint16_t *k, *v;
  int64_t length;
};

class RoundedProducts {
 public:
  using Run = RoundedRun;

  static int64_t floats_of(int64_t length, int64_t width) {
    return (key_values(length, width) + value_values(length, width)) / 2;
  }
  static Run at(float* memory, int64_t length, int64_t width) {
    auto* const k = reinterpret_cast<uint16_t*>(memory);
    return {k, k + key_values(length, width), length};
  }
  static void pack(const AttentionRows& in, int64_t from, int64_t first, int64_t count,
                   const Run& to) {
    gemm_bf16::pack_transposed(in.k + from, in.kv_row, count, in.width, 0, panels(count),
                               to.k + first / kColumns * panel_size(in.width));
    for (int64_t tile = 0; tile < count; tile += kKeyTile) {
      const int64_t keys = std::min(kKeyTile, count - tile);
      gemm_bf16::pack(in.v + from + tile * in.kv_row, in.kv_row, in.width, keys, 0,
                      panels(in.width), to.v + value_values(first + tile, in.width),
                      panel_size(keys));
    }
  }

  static int64_t query_floats(int64_t rows, int64_t width) {
    return (gemm_bf16::rows_size(rows, width) + gemm_bf16::rows_size(rows, kKeyTile)) / 2;
  }
  RoundedProducts(float* memory, int64_t rows, int64_t width)
      : q_(reinterpret_cast<uint16_t*>(memory)),
        p_(q_ + gemm_bf16::rows_size(rows, width)),
        rows_(rows),
        width_(width) {}
  void take(const float* q, int64_t q_row, int64_t count, int64_t row) {
    gemm_bf16::pack_rows({q, q_row, 1}, width_, 0, count, q_ + row * depth(width_));
  }
  void score(const Run& run, int64_t tile, int64_t keys, float* scores) const {
    const int64_t whole = rounded_up(keys, kScoreAlign);
    gemm_bf16::multiply({q_, depth(width_)}, rows_, width_,
                        run.k + tile / kColumns * panel_size(width_), whole, 0, panels(whole),
                        scores, kScoreRow, false);
  }
  void weigh(const Run& run, int64_t tile, int64_t keys, const float* scores, float* out,
             bool add) const {
    gemm_bf16::pack_rows({scores, kScoreRow, 1}, keys, 0, rows_, p_);
    // the tile may have more keys than these: its panels are taken one by one
    const uint16_t* const v = run.v + value_values(tile, width_);
    const int64_t panel = panel_size(std::min(kKeyTile, run.length - tile));
    for (int64_t p = 0; p < panels(width_); ++p)
      gemm_bf16::multiply({p_, depth(keys)}, rows_, keys, v + p * panel,
                          std::min(kColumns, width_ - p * kColumns), 0, 1, out + p * kColumns,
                          width_, add);
  }

 private:
  static int64_t key_values(int64_t length, int64_t width) {
    return panels(length) * panel_size(width);
  }
  static int64_t value_values(int64_t length, int64_t width) {
    return panels(width) * panel_size(length);
  }

  uint16_t *const q_, *const p_;
  const int64_t rows_, width_;
};

}  // namespace

void forward(const AttentionRows& in, const std::vector<PrefixTree>& trees, float* out,
             float* lse) {
  attend_in_pieces<RoundedProducts>(in, trees, out, lse);
}

}  // namespace slipway::attention_bf16
