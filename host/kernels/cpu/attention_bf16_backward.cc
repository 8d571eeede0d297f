// Attention's backward with products in bfloat16. Scores of a panel of keys are float32 in the
// first-level cache; what they become is rounded into pairs of queries, which the sums over queries
// read, and gradients of scores also into rows, which the sums over keys read.
#include <algorithm>
#include <utility>

#include "compute/scratch.h"
#include "kernels/cpu/attention_bf16.h"
#include "kernels/cpu/attention_pairs.h"
#include "kernels/cpu/attention_rows.h"
#include "kernels/cpu/gemm.h"
#include "kernels/cpu/gemm_bf16.h"

namespace slipway::attention_bf16 {
namespace {

using gemm_bf16::depth, gemm_bf16::kColumns, gemm_bf16::panel_size, gemm_bf16::panels,
    gemm_bf16::rows_size;

// Queries whose scores of a panel of keys are worked on at a time.
constexpr int64_t kQueries = 96;

// A pair of blocks, and room for it.
class PairGradients {
 public:
  PairGradients(const AttentionRows& in, const BackwardArrays& arrays, const BlockPair& pair)
      : in_(in),
        arrays_(arrays),
        pair_(pair),
        keys_(pair.keys.length),
        row_(panels(keys_) * kColumns),
        // keys that are worked on at a time where those of later queries are masked
        most_(pair.causal() ? kColumns : row_),
        queries_(depth(pair.queries.length)),
        kv_(pair.keys.begin * in.kv_row + pair.kv_head * in.width) {
    take_room();
    pack_keys();
  }

  void add() {
    const int64_t group = in_.heads / in_.kv_heads;
    for (int64_t h = 0; h < group; ++h) {
      const int64_t head = pair_.kv_head * group + h;
      pack_queries(head);
      for (int64_t first = 0; first < keys_; first += most_)
        add_keys(head, first, std::min(most_, keys_ - first), h > 0);
    }
    const bool more = !pair_.first_of_keys;
    turn_back(dk_, row_, keys_, in_.width, turning_, arrays_.dk + kv_, in_.kv_row, more);
    turn_back(dv_, row_, keys_, in_.width, turning_, arrays_.dv + kv_, in_.kv_row, more);
  }

 private:
  static constexpr int64_t kAlign = 32;  // values

  void take_room() {
    static thread_local Scratch scratch;
    const int64_t width = in_.width, length = pair_.queries.length,
                  columns = panels(keys_) * panel_size(width),
                  scores = panels(std::min(most_, row_)) * panel_size(length),
                  turned = rounded_up(width * row_, kAlign), panel = kQueries * kColumns;
    const int64_t values = 3 * columns + 2 * scores + rows_size(length, std::min(most_, row_)) +
                           2 * rows_size(length, width) + 2 * rows_size(width, length);
    float* floats =
        scratch.take(values / 2 + 2 * (turned + panel) + gemm::packed_size(width, keys_) + kAlign);
    const auto next_floats = [&](int64_t count) { return std::exchange(floats, floats + count); };
    s_ = next_floats(panel), dp_ = next_floats(panel);
    dk_ = next_floats(turned), dv_ = next_floats(turned);
    auto* at = reinterpret_cast<uint16_t*>(floats);
    const auto next = [&](int64_t count) { return std::exchange(at, at + count); };
    k_columns_ = next(columns), v_columns_ = next(columns), k_rows_ = next(columns);
    p_ = next(scores), ds_ = next(scores);
    ds_rows_ = next(rows_size(length, std::min(most_, row_)));
    q_ = next(rows_size(length, width)), d_out_ = next(rows_size(length, width));
    q_turned_ = next(rows_size(width, length)), d_out_turned_ = next(rows_size(width, length));
    turning_ = reinterpret_cast<float*>(at);
  }

  void pack_keys() {
    const int64_t width = in_.width;
    gemm_bf16::pack_transposed(in_.k + kv_, in_.kv_row, keys_, width, 0, panels(keys_), k_columns_);
    gemm_bf16::pack_transposed(in_.v + kv_, in_.kv_row, keys_, width, 0, panels(keys_), v_columns_);
    for (int64_t first = 0; first < keys_; first += most_) {
      const int64_t keys = std::min(most_, keys_ - first);
      gemm_bf16::pack(in_.k + kv_ + first * in_.kv_row, in_.kv_row, width, keys, 0, panels(width),
                      k_rows_of(first), panel_size(keys));
    }
  }

  void pack_queries(int64_t head) {
    const int64_t width = in_.width, length = pair_.queries.length, out_row = in_.heads * width;
    const float *q = in_.q + pair_.queries.begin * in_.q_row + head * width,
                *d_out = arrays_.d_out + pair_.queries.begin * out_row + head * width;
    gemm_bf16::pack_rows({q, in_.q_row, 1}, width, 0, length, q_);
    gemm_bf16::pack_rows({d_out, out_row, 1}, width, 0, length, d_out_);
    gemm_bf16::pack_rows({q, 1, in_.q_row}, length, 0, width, q_turned_);
    gemm_bf16::pack_rows({d_out, 1, out_row}, length, 0, width, d_out_turned_);
  }

  // Keys [first, first + keys) of the block by the queries from `seen` on, those that see them;
  // `row`: values from row to row of ds_rows_.
  struct KeyRange {
    int64_t first, keys, seen, queries, row;
  };

  void add_keys(int64_t head, int64_t first, int64_t keys, bool more) {
    const int64_t width = in_.width, seen = pair_.causal() ? first : 0;
    const KeyRange range{first, keys, seen, pair_.queries.length - seen, depth(keys)};
    for (int64_t i = 0; i < range.queries; i += kQueries)
      for (int64_t key = 0; key < keys; key += kColumns) score(head, range, key, i);
    gemm_bf16::multiply({d_out_turned_ + seen, queries_}, width, range.queries, p_, keys, 0,
                        panels(keys), dv_ + first, row_, more);
    gemm_bf16::multiply({q_turned_ + seen, queries_}, width, range.queries, ds_, keys, 0,
                        panels(keys), dk_ + first, row_, more);
    gemm_bf16::multiply({ds_rows_, range.row}, range.queries, keys, k_rows_of(first), width, 0,
                        panels(width),
                        arrays_.dq + (pair_.queries.begin + seen) * in_.q_row + head * width,
                        in_.q_row, first > 0 || !pair_.first_of_queries);
  }

  // The range's panel at `key` by kQueries of its queries from the i-th on: what scores become.
  void score(int64_t head, const KeyRange& range, int64_t key, int64_t i) {
    const int64_t width = in_.width, query = range.seen + i, row = range.row,
                  rows = std::min(kQueries, range.queries - i),
                  scalar = (pair_.queries.begin + query) * in_.heads + head,
                  panel = (range.first + key) / kColumns * panel_size(width),
                  to = key / kColumns * panel_size(range.queries) + i * kColumns,
                  hidden = in_.scores.first_key(range.seen + pair_.ahead) - range.first + i - key;
    gemm_bf16::multiply({q_ + query * depth(width), depth(width)}, rows, width, k_columns_ + panel,
                        kColumns, 0, 1, s_, kColumns, false);
    gemm_bf16::multiply({d_out_ + query * depth(width), depth(width)}, rows, width,
                        v_columns_ + panel, kColumns, 0, 1, dp_, kColumns, false);
    kernels::softmax_panel_backward(
        {s_, dp_, dp_, kColumns, rows, pair_.causal() ? i - key + 1 : kColumns, hidden, in_.scores,
         arrays_.lse + scalar, arrays_.delta + scalar, in_.heads},
        kColumns);
    gemm_bf16::pack_panel(s_, rows, p_ + to, nullptr, 0);
    gemm_bf16::pack_panel(dp_, rows, ds_ + to, ds_rows_ + i * row + key, row);
    // columns without a key
    for (int64_t r = 0; r < rows && range.keys - key < kColumns; ++r)
      std::fill_n(ds_rows_ + (i + r) * row + range.keys, key + kColumns - range.keys, uint16_t{0});
  }

  uint16_t* k_rows_of(int64_t first) const {
    return k_rows_ + first * panels(in_.width) * kColumns;
  }

  const AttentionRows& in_;
  const BackwardArrays& arrays_;
  const BlockPair& pair_;
  const int64_t keys_, row_, most_, queries_, kv_;
  uint16_t *k_columns_, *v_columns_;    // packed: [width, keys]
  uint16_t* k_rows_;                    // packed, `most_` keys after the other: [keys, width]
  uint16_t *p_, *ds_;                   // packed: [queries, keys]
  uint16_t* ds_rows_;                   // [queries, keys]
  uint16_t *q_, *d_out_;                // of one head: [queries, width]
  uint16_t *q_turned_, *d_out_turned_;  // of one head: [width, queries]
  float *s_, *dp_;                      // [kQueries, kColumns]
  float *dk_, *dv_;                     // [width, keys]
  float* turning_;                      // packed: [keys, width]
};

}  // namespace

void backward(const AttentionRows& in, const std::vector<PrefixTree>& trees, const float* out,
              const float* lse, const float* d_out, float* delta, float* dq, float* dk, float* dv) {
  attend_backward_in_rounds<PairGradients>(in, trees, {out, lse, d_out, delta, dq, dk, dv});
}

}  // namespace slipway::attention_bf16
