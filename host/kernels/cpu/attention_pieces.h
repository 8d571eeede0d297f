// How attention is cut into pieces for threads: by the lengths of the sequences alone, whatever the
// number of threads and whatever else is in the batch. All query heads of a key-value head go
// together: keys and values are read once for them.
#pragma once
#include <cstdint>
#include <vector>

#include "kernels/attention_plan.h"

namespace slipway {

// Keys of a tile: what a softmax goes on by. A multiple of every panel's width.
constexpr int64_t kKeyTile = 192;

inline int64_t rounded_up(int64_t n, int64_t unit) { return (n + unit - 1) / unit * unit; }

// The runs of all trees, one after the other; pieces name them by number.
std::vector<TokenRun> runs_of(const std::vector<PrefixTree>& trees);

// The forward's pieces: queries [first, first + queries) of a run, who see the run `prefix` (-1:
// there is none) and their own run up to themselves. Those with most to do come first.
struct QueryPiece {
  int64_t prefix, own, first, queries, kv_head;
};
std::vector<QueryPiece> query_pieces(const std::vector<PrefixTree>& trees, int64_t kv_heads);

// The backward's: queries by keys, of whom they see all, or, where both are the same tokens, those
// up to themselves.
struct BlockPair {
  TokenRun queries, keys;
  int64_t kv_head;
  bool first_of_queries, first_of_keys;  // no round before has a pair with these
  int64_t ahead;  // from the first key's position in the sequence to the first query's
  bool causal() const { return queries.begin == keys.begin; }
};
// Rounds that follow one another. The pairs of a round have neither queries nor keys in common, so
// each adds to gradients of its own; and the order in which a token's sums grow is that of rounds.
// With a window (kernels/attention_plan.h) pairs of which no query sees a key are left out.
std::vector<std::vector<BlockPair>> backward_rounds(const std::vector<PrefixTree>& trees,
                                                    int64_t kv_heads, const ScoreRule& rule);

}  // namespace slipway
