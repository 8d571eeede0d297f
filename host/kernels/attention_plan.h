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

// Rows [tokens] of q [heads * width], k and v [kv_heads * width], rotated already: pointers at row
// 0 and distances of rows in floats; heads as in HeadShape.
struct AttentionRows {
  const float *q, *k, *v;
  int64_t q_row, kv_row;
  int64_t tokens, heads, kv_heads, width;
  float scale;
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
