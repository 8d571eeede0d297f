// Attention's forward, whatever its products read: pieces of queries over tiles of keys, with a
// softmax that goes on from tile to tile. `Products` says how queries, keys and values lie and
// multiplies them:
//
//   Run                          a run's keys and values of one key-value head, packed
//   floats_of(length, width)     room of one, in floats; at(memory, length, width) is that Run
//   pack(in, from, first, count, to)  puts `count` tokens, which stand at `first` of their run and
//                                whose k and v begin at in.k + from and in.v + from, into a Run;
//                                `first` is a multiple of kKeyTile
//   query_floats(rows, width)    room for queries and whatever else a piece's products need
//   Products(memory, rows, width)
//   take(q, q_row, count, row)   queries, into rows [row, row + count)
//   score(run, tile, keys, scores)   scores [rows][kScoreRow] of the keys from `tile` on
//   weigh(run, tile, keys, scores, out, add)   out [rows][width] (+)= scores, softmaxed, by values
#pragma once
#include <algorithm>
#include <utility>

#include "compute/parallel.h"
#include "compute/scratch.h"
#include "kernels/attention_plan.h"
#include "kernels/cpu/attention_pieces.h"
#include "kernels/cpu/attention_rows.h"
#include "kernels/cpu/attention_runs.h"

namespace slipway {

// Floats from one row of scores to the next: no multiple of what rows of a set of the cache share.
constexpr int64_t kScoreAlign = 16, kScoreRow = kKeyTile + kScoreAlign;

// The queries of a piece, of all heads of a group, head by head; and what came of the keys so far.
template <class Products>
class QueryGroup {
 public:
  QueryGroup(const AttentionRows& in, int64_t token, int64_t queries, int64_t kv_head)
      : in_(in),
        token_(token),
        queries_(queries),
        heads_(in.heads / in.kv_heads),
        first_head_(kv_head * heads_),
        rows_(queries * heads_),
        memory_(room(rows_, in.width)),
        products_(memory_, rows_, in.width) {
    float* at = memory_ + rounded_up(Products::query_floats(rows_, in.width), kScoreAlign);
    const auto next = [&](int64_t floats) {
      return std::exchange(at, at + rounded_up(floats, kScoreAlign));
    };
    out_ = next(rows_ * in.width), scores_ = next(rows_ * kScoreRow);
    largest_ = at, sum_ = at + rows_;
    for (int64_t h = 0; h < heads_; ++h)
      products_.take(in.q + token * in.q_row + (first_head_ + h) * in.width, in.q_row, queries,
                     h * queries);
  }

  // Query i sees the run's keys from `hidden` + i on up to `seen` + i, as far as there are `keys`;
  // seen > 0.
  void attend(const typename Products::Run& run, int64_t keys, int64_t seen, int64_t hidden) {
    const int64_t width = in_.width, first = std::max<int64_t>(0, hidden) / kKeyTile * kKeyTile;
    for (int64_t tile = first; tile < keys; tile += kKeyTile, attended_ = true) {
      const int64_t used = std::min(kKeyTile, keys - tile);
      products_.score(run, tile, used, scores_);
      if (in_.scores.softcap > 0)
        kernels::cap_scores(scores_, kScoreRow, rows_, rounded_up(used, kScoreAlign), in_.scores);
      for (int64_t h = 0; h < heads_; ++h) {
        const int64_t row = h * queries_;
        kernels::softmax_tile(scores_ + row * kScoreRow, kScoreRow, queries_, used, seen - tile,
                              hidden - tile, in_.scores.after_cap(), largest_ + row, sum_ + row,
                              attended_ ? out_ + row * width : nullptr, width);
      }
      products_.weigh(run, tile, used, scores_, out_, attended_);
    }
  }

  void write(float* out, float* lse) const {
    for (int64_t h = 0; h < heads_; ++h)
      for (int64_t i = 0; i < queries_; ++i) {
        const int64_t row = h * queries_ + i, to = (token_ + i) * in_.heads + first_head_ + h;
        lse[to] = kernels::softmax_end(out_ + row * in_.width, in_.width, in_.scores.after_cap(),
                                       largest_[row], sum_[row], out + to * in_.width);
      }
  }

 private:
  static float* room(int64_t rows, int64_t width) {
    static thread_local Scratch scratch;
    return scratch.take(Products::query_floats(rows, width) + rows * (width + kScoreRow + 2) +
                        3 * kScoreAlign);
  }

  const AttentionRows& in_;
  const int64_t token_, queries_, heads_, first_head_, rows_;
  float* const memory_;
  Products products_;
  float *out_, *scores_, *largest_, *sum_;
  bool attended_ = false;
};

// attention_forward() of attention_kernel.h.
template <class Products>
void attend_in_pieces(const AttentionRows& in, const std::vector<PrefixTree>& trees, float* out,
                      float* lse) {
  const std::vector<TokenRun> runs = runs_of(trees);
  const std::vector<QueryPiece> pieces = query_pieces(trees, in.kv_heads);
  const PackedRuns<Products> packed(in, runs);
  parallel_chunks(static_cast<int64_t>(pieces.size()), [&](int64_t chunk) {
    const QueryPiece& piece = pieces[static_cast<size_t>(chunk)];
    QueryGroup<Products> group(in, runs[static_cast<size_t>(piece.own)].begin + piece.first,
                               piece.queries, piece.kv_head);
    int64_t before = 0;
    if (piece.prefix >= 0) {
      before = runs[static_cast<size_t>(piece.prefix)].length;
      group.attend(packed.at(piece.prefix, piece.kv_head), before, before,
                   in.scores.first_key(before + piece.first));
    }
    group.attend(packed.at(piece.own, piece.kv_head), piece.first + piece.queries, piece.first + 1,
                 in.scores.first_key(before + piece.first) - before);
    group.write(out, lse);
  });
}

}  // namespace slipway
