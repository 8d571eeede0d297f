// Attention's backward in float32. Queries and the gradients of their outputs are left operands, as
// they are or turned, and what scores become is written as the panels that the products after it
// read.
#include <algorithm>
#include <utility>

#include "compute/scratch.h"
#include "kernels/cpu/attention_bf16.h"
#include "kernels/cpu/attention_kernel.h"
#include "kernels/cpu/attention_pairs.h"
#include "kernels/cpu/attention_rows.h"

namespace slipway {
namespace {

// Keys that are worked on at a time where those of later queries are masked.
int64_t causal_keys() { return 32 / gemm::panel_width() * gemm::panel_width(); }
// Queries whose scores of a panel of keys stay in the first-level cache.
constexpr int64_t kQueries = 96;

// A pair of blocks, and room for it.
class PairGradients {
 public:
  PairGradients(const AttentionRows& in, const BackwardArrays& arrays, const BlockPair& pair)
      : in_(in),
        arrays_(arrays),
        pair_(pair),
        queries_(rounded_up(pair.queries.length, kAlign) + kAlign),
        keys_(pair.keys.length),
        row_(rounded_up(keys_, gemm::panel_width())),
        most_(pair.causal() ? causal_keys() : row_),
        kv_(pair.keys.begin * in.kv_row + pair.kv_head * in.width) {
    static thread_local Scratch scratch;
    const int64_t columns = gemm::packed_size(keys_, in.width),
                  rows = gemm::packed_size(in.width, keys_),
                  scores = pair.queries.length * std::min(most_, row_), turned = in.width * row_,
                  turned_queries = in.width * queries_;
    float* at =
        scratch.take(2 * columns + rows + 3 * scores + 2 * (turned + turned_queries) + 10 * kAlign);
    const auto next = [&](int64_t floats) {
      return std::exchange(at, at + rounded_up(floats, kAlign));
    };
    k_columns_ = next(columns), v_columns_ = next(columns), k_rows_ = next(rows);
    p_ = next(scores), ds_ = next(scores), ds_rows_ = next(scores);
    dk_ = next(turned), dv_ = next(turned);
    q_ = next(turned_queries), d_out_ = next(turned_queries);
    gemm::pack_transposed(in.k + kv_, in.kv_row, keys_, in.width, 0, gemm::panels(keys_),
                          k_columns_, gemm::panel_floats(in.width));
    gemm::pack_transposed(in.v + kv_, in.kv_row, keys_, in.width, 0, gemm::panels(keys_),
                          v_columns_, gemm::panel_floats(in.width));
    gemm::pack(in.k + kv_, in.kv_row, in.width, keys_, 0, gemm::panels(in.width), k_rows_,
               gemm::panel_floats(keys_));
  }

  void add() {
    const int64_t group = in_.heads / in_.kv_heads;
    for (int64_t h = 0; h < group; ++h) {
      const int64_t head = pair_.kv_head * group + h, out_row = in_.heads * in_.width;
      kernels::turn_rows(in_.q + pair_.queries.begin * in_.q_row + head * in_.width, in_.q_row,
                         pair_.queries.length, in_.width, q_, queries_);
      kernels::turn_rows(arrays_.d_out + pair_.queries.begin * out_row + head * in_.width, out_row,
                         pair_.queries.length, in_.width, d_out_, queries_);
      for (int64_t first = 0; first < keys_; first += most_)
        add_keys(head, first, std::min(most_, keys_ - first), h > 0);
    }
    const bool more = !pair_.first_of_keys;
    turn_back(dk_, row_, keys_, in_.width, k_rows_, arrays_.dk + kv_, in_.kv_row, more);
    turn_back(dv_, row_, keys_, in_.width, k_rows_, arrays_.dv + kv_, in_.kv_row, more);
  }

 private:
  static constexpr int64_t kAlign = 16;

  // Keys [first, first + keys) of the block, by the queries that see them.
  void add_keys(int64_t head, int64_t first, int64_t keys, bool more) {
    const int64_t width = in_.width, w = gemm::panel_width(), seen = pair_.causal() ? first : 0,
                  token = pair_.queries.begin + seen, queries = pair_.queries.length - seen,
                  row = std::min(most_, row_), out_row = in_.heads * width,
                  hidden_from = in_.scores.first_key(seen + pair_.ahead) - first;
    const float *q = in_.q + token * in_.q_row + head * width,
                *d_out = arrays_.d_out + token * out_row + head * width;
    for (int64_t i = 0; i < queries; i += kQueries)
      for (int64_t key = 0; key < keys; key += w) {
        const int64_t rows = std::min(kQueries, queries - i),
                      scalar = (token + i) * in_.heads + head, at = key * queries + i * w;
        const gemm::Panels k_columns{k_columns_ + (first + key) * width, 0},
            v_columns{v_columns_ + (first + key) * width, 0};
        gemm::multiply({q + i * in_.q_row, in_.q_row, 1}, rows, width, k_columns, w, 0, 1, p_ + at,
                       w, false);
        gemm::multiply({d_out + i * out_row, out_row, 1}, rows, width, v_columns, w, 0, 1, ds_ + at,
                       w, false);
        kernels::softmax_panel_backward(
            {p_ + at, ds_ + at, ds_rows_ + i * row + key, row, rows,
             pair_.causal() ? i - key + 1 : w, hidden_from + i - key, in_.scores,
             arrays_.lse + scalar, arrays_.delta + scalar, in_.heads},
            w);
      }
    const gemm::Panels p{p_, gemm::panel_floats(queries)}, ds{ds_, gemm::panel_floats(queries)},
        k_rows{k_rows_ + first * w, gemm::panel_floats(keys_)};
    const int64_t whole = rounded_up(keys, gemm::lanes());
    gemm::multiply({d_out_ + seen, queries_, 1}, width, queries, p, whole, 0, gemm::panels(whole),
                   dv_ + first, row_, more);
    gemm::multiply({q_ + seen, queries_, 1}, width, queries, ds, whole, 0, gemm::panels(whole),
                   dk_ + first, row_, more);
    gemm::multiply({ds_rows_, row, 1}, queries, keys, k_rows, width, 0, gemm::panels(width),
                   arrays_.dq + token * in_.q_row + head * width, in_.q_row,
                   first > 0 || !pair_.first_of_queries);
  }

  const AttentionRows& in_;
  const BackwardArrays& arrays_;
  const BlockPair& pair_;
  // `queries_`, `row_`: from row to row; the first is no power of two, whose rows share a set of
  // the cache
  const int64_t queries_, keys_, row_, most_, kv_;
  float *k_columns_, *v_columns_;  // packed: [width, keys]
  float* k_rows_;                  // packed: [keys, width]
  float *p_, *ds_, *ds_rows_;      // [queries, keys]: two of them packed
  float *dk_, *dv_;                // [width, keys]
  float *q_, *d_out_;              // of one head: [width, queries]
};

}  // namespace

void attention_backward(const AttentionRows& in, const std::vector<PrefixTree>& trees,
                        const float* out, const float* lse, const float* d_out, float* delta,
                        float* dq, float* dk, float* dv) {
  if (attention_bf16::is_chosen(in.width))
    return attention_bf16::backward(in, trees, out, lse, d_out, delta, dq, dk, dv);
  attend_backward_in_rounds<PairGradients>(in, trees, {out, lse, d_out, delta, dq, dk, dv});
}

}  // namespace slipway
