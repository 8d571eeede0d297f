// Attention of a decoding step over the cache: the region of the row's prompt, then the slot of its
// own tokens. A row's keys are taken in tiles, those of the prompt and then its own, and tiles in
// parts of kPartTiles: a softmax of its own each, joined in their order. Where the parts are cut
// depends on the row's own lengths alone. Which block of threads does a part depends on rows, heads
// and card (decode_split.h), and changes no bit: a row gives the same in any company, on any card,
// and after a resume.
#pragma once
#include "kernels/cuda/decode_split.h"
#include "kernels/cuda/score.h"
#include "kernels/device_kernels.h"

namespace slipway::cuda {

constexpr int kDecodeThreads = 128;

// The keys of one row and key-value head, tile by tile.
struct RowKeys {
  const float *prompt_k, *prompt_v;
  float *own_k, *own_v;
  int64_t prompt_length, own_length, width;  // own_length: with the new token

  __device__ RowKeys(const AttentionRows& in, const DecodeRows& rows, const CacheLayer& cache,
                     int64_t row, int64_t kv_head)
      : prompt_length(rows.prompt_lengths[row]),
        own_length(rows.lengths[row] + 1),
        width(in.width) {
    const int64_t prompt =
        (rows.regions[row] * in.kv_heads + kv_head) * cache.prompt_capacity * width;
    const int64_t own = (rows.slots[row] * in.kv_heads + kv_head) * cache.slot_capacity * width;
    prompt_k = cache.prompt_k + prompt, prompt_v = cache.prompt_v + prompt;
    own_k = cache.slot_k + own, own_v = cache.slot_v + own;
  }
  __device__ int64_t tiles() const { return decode_tiles(prompt_length, own_length); }
  // work(keys, values, number, position of the first) of a tile.
  template <class Work>
  __device__ void with_tile(int64_t tile, const Work& work) const {
    const int64_t of_prompt = decode_tiles(prompt_length, 0),
                  number = tile < of_prompt ? tile : tile - of_prompt;
    const int64_t at = number * kDecodeKeys * width;
    const int64_t left = (tile < of_prompt ? prompt_length : own_length) - number * kDecodeKeys;
    work((tile < of_prompt ? prompt_k : own_k) + at, (tile < of_prompt ? prompt_v : own_v) + at,
         static_cast<int>(left < kDecodeKeys ? left : kDecodeKeys),
         (tile < of_prompt ? 0 : prompt_length) + number * kDecodeKeys);
  }
  // Of the new token.
  __device__ int64_t position() const { return prompt_length + own_length - 1; }
};

// One block of threads a row, key-value head and part.
struct DecodeBlock {
  float *q, *sums, *tile, *p, *largest, *total, *shrink;
  int group, width;

  __device__ DecodeBlock(int heads_of_group, int head_width)
      : group(heads_of_group), width(head_width) {
    q = launched_shared<float>();
    sums = q + group * width, tile = sums + group * width, p = tile + kDecodeKeys * (width + 1);
    largest = p + group * kDecodeKeys, total = largest + group, shrink = total + group;
  }

  // Forgets all keys. Begins with all threads together, and so must what follows.
  __device__ void begin() const {
    for (int i = static_cast<int>(threadIdx.x); i < group * width; i += kDecodeThreads) sums[i] = 0;
    for (int h = static_cast<int>(threadIdx.x); h < group; h += kDecodeThreads)
      largest[h] = -INFINITY, total[h] = 0;
  }
  __device__ void load(const float* from, int keys) const {
    for (int at = static_cast<int>(threadIdx.x); at < keys * width; at += kDecodeThreads)
      tile[at / width * (width + 1) + at % width] = from[at];
  }
  // Takes `keys` cached positions [keys, width] into the running softmax, but for the first
  // `hidden` of them, which are not all. Begins and ends with all threads together.
  __device__ void add(const float* k, const float* v, int keys, int64_t hidden,
                      const ScoreRule& rule) const {
    load(k, keys);
    __syncthreads();
    for (int at = static_cast<int>(threadIdx.x); at < group * kDecodeKeys; at += kDecodeThreads) {
      const int h = at / kDecodeKeys, key = at % kDecodeKeys;
      float dot = 0;
      for (int i = 0; key < keys && i < width; ++i)
        dot += q[h * width + i] * tile[key * (width + 1) + i];
      p[at] = key < keys && key >= hidden ? Score(rule, dot).value : -INFINITY;
    }
    __syncthreads();
    const int warp = static_cast<int>(threadIdx.x) / kWarp,
              lane = static_cast<int>(threadIdx.x) % kWarp;
    for (int h = warp; h < group; h += kDecodeThreads / kWarp) {
      const float a = p[h * kDecodeKeys + lane], b = p[h * kDecodeKeys + kWarp + lane];
      float most = largest_of_lanes<kWarp>(a > b ? a : b);
      const float before = largest[h];
      most = most > before ? most : before;
      const float ea = expf(a - most), eb = expf(b - most), terms = sum_of_lanes<kWarp>(ea + eb);
      p[h * kDecodeKeys + lane] = ea, p[h * kDecodeKeys + kWarp + lane] = eb;
      if (lane != 0) continue;
      shrink[h] = expf(before - most);
      total[h] = total[h] * shrink[h] + terms;
      largest[h] = most;
    }
    load(v, keys);
    __syncthreads();
    for (int at = static_cast<int>(threadIdx.x); at < group * width; at += kDecodeThreads) {
      const int h = at / width, i = at % width;
      float sum = 0;
      for (int key = 0; key < keys; ++key)
        sum += p[h * kDecodeKeys + key] * tile[key * (width + 1) + i];
      sums[at] = sums[at] * shrink[h] + sum;
    }
    __syncthreads();
  }
};

// `partial` [rows, heads, split.parts, width + 2]: sums, largest and total of each part, for
// join_parts_kernel. nullptr: there is one part, and `out` is written.
__global__ __launch_bounds__(kDecodeThreads) inline void attention_decode_kernel(
    AttentionRows in, DecodeRows rows, CacheLayer cache, DecodeSplit split, float* partial,
    float* out) {
  const int64_t row = blockIdx.x, kv_head = blockIdx.y % in.kv_heads, width = in.width,
                group = in.heads / in.kv_heads;
  const int64_t first_head = row * in.heads + kv_head * group;
  if (rows.slots[row] < 0) {
    for (int64_t i = threadIdx.x; partial == nullptr && i < group * width; i += kDecodeThreads)
      out[first_head * width + i] = 0;
    return;
  }
  const RowKeys keys(in, rows, cache, row, kv_head);
  const DecodeBlock block(static_cast<int>(group), static_cast<int>(width));
  for (int64_t i = threadIdx.x; i < group * width; i += kDecodeThreads)
    block.q[i] = in.q[row * in.q_row + kv_head * group * width + i];
  const int64_t tiles = keys.tiles(), parts = decode_parts(tiles);
  for (int64_t part = blockIdx.y / in.kv_heads; part < parts; part += split.blocks) {
    __syncthreads();  // the part before is written
    block.begin();
    // The new token is a key of the last part.
    for (int64_t i = threadIdx.x; part + 1 == parts && i < width; i += kDecodeThreads) {
      keys.own_k[(keys.own_length - 1) * width + i] = in.k[row * in.kv_row + kv_head * width + i];
      keys.own_v[(keys.own_length - 1) * width + i] = in.v[row * in.kv_row + kv_head * width + i];
    }
    __syncthreads();
    const int64_t end = (part + 1) * kPartTiles < tiles ? (part + 1) * kPartTiles : tiles;
    for (int64_t tile = part * kPartTiles; tile < end; ++tile)
      keys.with_tile(tile, [&](const float* k, const float* v, int count, int64_t at) {
        const int64_t hidden = in.scores.first_key(keys.position()) - at;
        if (hidden < count) block.add(k, v, count, hidden, in.scores);
      });
    for (int64_t i = threadIdx.x; i < group * width; i += kDecodeThreads) {
      const int64_t h = i / width, at = ((first_head + h) * split.parts + part) * (width + 2);
      if (partial == nullptr) out[first_head * width + i] = block.sums[i] / block.total[h];
      else partial[at + i % width] = block.sums[i];
      if (partial != nullptr && i % width == 0)
        partial[at + width] = block.largest[h], partial[at + width + 1] = block.total[h];
    }
  }
}

}  // namespace slipway::cuda
