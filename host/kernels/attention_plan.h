// A packed batch as attention kernels on a device read it: which queries a block has and which keys
// they see. Plain data.
#pragma once
#include <cstdint>

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
  const QueryBlock* queries;
  const KeyBlock* keys;
  const QueryRun* runs;
  int64_t query_blocks, key_blocks;
};

// Rows of queries, keys and values in memory of the device, as AttentionInputs, with their shape.
struct AttentionRows {
  const float *q, *k, *v;
  int64_t q_row, kv_row;
  int64_t tokens, heads, kv_heads, width;
  float scale;
};

// Rows of a decoding step, [rows] each.
struct DecodeRows {
  const int64_t *regions, *prompt_lengths, *slots, *lengths;
  int64_t rows;
};

}  // namespace slipway
