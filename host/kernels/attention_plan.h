// A packed batch as attention kernels read it: the trees of its tokens, or, on a device, which
// queries a block has and which keys they see. Plain data.
#pragma once
#include <cstdint>
#include <vector>

#include "kernels/prefix_tree.h"

namespace slipway {

// Queries that lie together, all of one run. Keys are the prefix, then the run's own tokens
// up to each query.
struct QueryBlock {
  int32_t query, queries;  // first token, number
  int32_t own;             // the run's first token
  int32_t prefix, prefix_length;
};
// Keys that lie together, all of one run, and the runs of queries that see them.
struct KeyBlock {
  int32_t key, keys;
  int32_t first_run, runs;  // in AttentionPlan::runs
};
struct QueryRun {
  int32_t begin, end;
  int32_t causal;  // 1: of the keys' own run; a query sees keys up to itself
};

struct AttentionPlan {
  // Tables of Kernels::attention_tile() queries a block, in the device's memory ...
  const QueryBlock* queries;
  const KeyBlock* keys;
  const QueryRun* runs;
  int64_t query_blocks, key_blocks;
  // ... and what they were made from, in the host's.
  const std::vector<PrefixTree>* trees = nullptr;
};

struct HeadShape {
  // heads is a multiple of kv_heads: so many query heads share a key-value head
  int64_t heads, kv_heads, width;
  int64_t group() const { return heads / kv_heads; }
};

// What scores are, and who sees whom: s = scale q k^T, with a softcap c > 0 c tanh(s / c); with a
// window w > 0 the query at position p of its sequence sees the keys at p - w + 1 .. p.
struct ScoreRule {
  float scale;
  float softcap = 0;
  int64_t window = 0;

  // What is left to multiply scores by once they are capped.
  constexpr float after_cap() const { return softcap > 0 ? 1.0f : scale; }
  // The first key that the query at a position sees; below 0, all of them.
  constexpr int64_t first_key(int64_t position) const {
    return window > 0 ? position - window + 1 : INT64_MIN / 2;
  }
};

// Rows [tokens] of q [heads * width], k and v [kv_heads * width], rotated already: pointers at row
// 0 and distances of rows in floats; heads as in HeadShape.
struct AttentionRows {
  const float *q, *k, *v;
  int64_t q_row, kv_row;
  int64_t tokens, heads, kv_heads, width;
  ScoreRule scores;
};

// The processor works on queries in blocks of so many. A sequence whose pieces begin at multiples
// of it comes to the same bits as in one piece.
constexpr int64_t kQueryBlock = 48;

// Rows of a decoding step, [rows] each.
struct DecodeRows {
  const int64_t *regions, *prompt_lengths, *slots, *lengths;
  int64_t rows;
};

}  // namespace slipway
