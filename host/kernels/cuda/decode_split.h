// How a decoding step's keys are cut, and shared by blocks of threads.
#pragma once
#include "kernels/cuda/card.h"
#include "kernels/device_kernels.h"

namespace slipway::cuda {

constexpr int kDecodeKeys = 64;       // of a tile
constexpr int64_t kPartTiles = 4;     // tiles whose keys have one running softmax
constexpr int64_t kBlocksToFill = 4;  // a multiprocessor has room for so many blocks at once

constexpr int64_t decode_tiles(int64_t prompt_length, int64_t own_length) {
  return (prompt_length + kDecodeKeys - 1) / kDecodeKeys +
         (own_length + kDecodeKeys - 1) / kDecodeKeys;
}
constexpr int64_t decode_parts(int64_t tiles) { return (tiles + kPartTiles - 1) / kPartTiles; }

struct DecodeSplit {
  int64_t parts;   // the most that a row of the cache can have
  int64_t blocks;  // that share the parts of a row and key-value head
};

// From sizes that a recorded step keeps: the cache's, the number of rows, the card. Lengths are
// read by the kernels.
inline DecodeSplit decode_split(const AttentionRows& in, const DecodeRows& rows,
                                const CacheLayer& cache, const Card& card) {
  const int64_t parts = decode_parts(decode_tiles(cache.prompt_capacity, cache.slot_capacity));
  const int64_t there = rows.rows * in.kv_heads,
                wanted = (kBlocksToFill * card.multiprocessors + there - 1) / there;
  return {parts, wanted < parts ? wanted : parts};
}

// Bytes of shared memory of a block: q and the running sums [group, width] each, a tile of keys or
// values, the tile's scores, and three numbers a head.
inline int64_t decode_shared(int64_t group, int64_t width) {
  return (2 * group * width + kDecodeKeys * (width + 1) + group * kDecodeKeys + 3 * group) *
         static_cast<int64_t>(sizeof(float));
}

}  // namespace slipway::cuda
