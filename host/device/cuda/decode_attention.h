// Attention of a decoding step over the cache: the region of the row's prompt, then the slot of its own tokens.
#pragma once
#include "device/accelerator/device_kernels.h"
#include "device/cuda/dialect.h"

namespace slipway::cuda {

constexpr int kDecodeThreads = 128, kDecodeKeys = 64;

// q and the running sums [group, width] each, a tile of keys or values, the tile's scores, and three numbers a head.
inline int decode_shared(int64_t group, int64_t width) {
  return static_cast<int>((2 * group * width + kDecodeKeys * (width + 1) + group * kDecodeKeys + 3 * group) * static_cast<int64_t>(sizeof(float)));
}

// One block a token; places and layout as DeviceKernels::cache_prompts tells.
__global__ inline void cache_prompts_kernel(AttentionRows in, const int64_t* places, DeviceCache cache) {
  const int64_t token = blockIdx.x, place = places[token];
  if (place < 0) return;
  const int64_t region = place / cache.prompt_capacity, position = place % cache.prompt_capacity;
  for (int64_t i = threadIdx.x; i < in.kv_heads * in.width; i += blockDim.x) {
    const int64_t to = ((region * in.kv_heads + i / in.width) * cache.prompt_capacity + position) * in.width + i % in.width;
    cache.prompt_k[to] = in.k[token * in.kv_row + i];
    cache.prompt_v[to] = in.v[token * in.kv_row + i];
  }
}

// One block of threads a row and key-value head.
struct DecodeBlock {
  float *q, *sums, *tile, *p, *largest, *total, *shrink;
  int group, width;

  __device__ DecodeBlock(int heads_of_group, int head_width) : group(heads_of_group), width(head_width) {
    q = launched_shared<float>();
    sums = q + group * width, tile = sums + group * width, p = tile + kDecodeKeys * (width + 1);
    largest = p + group * kDecodeKeys, total = largest + group, shrink = total + group;
  }

  __device__ void load(const float* from, int keys) const {
    for (int at = static_cast<int>(threadIdx.x); at < keys * width; at += kDecodeThreads) tile[at / width * (width + 1) + at % width] = from[at];
  }
  // Takes `keys` cached positions [keys, width] into the running softmax. Begins and ends with all threads together.
  __device__ void add(const float* k, const float* v, int keys, float scale) const {
    load(k, keys);
    __syncthreads();
    for (int at = static_cast<int>(threadIdx.x); at < group * kDecodeKeys; at += kDecodeThreads) {
      const int h = at / kDecodeKeys, key = at % kDecodeKeys;
      float dot = 0;
      for (int i = 0; key < keys && i < width; ++i) dot += q[h * width + i] * tile[key * (width + 1) + i];
      p[at] = key < keys ? dot * scale : -INFINITY;
    }
    __syncthreads();
    const int warp = static_cast<int>(threadIdx.x) / kWarp, lane = static_cast<int>(threadIdx.x) % kWarp;
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
      for (int key = 0; key < keys; ++key) sum += p[h * kDecodeKeys + key] * tile[key * (width + 1) + i];
      sums[at] = sums[at] * shrink[h] + sum;
    }
    __syncthreads();
  }
};

__global__ inline void attention_decode_kernel(AttentionRows in, DecodeRows rows, DeviceCache cache, float* out) {
  const int64_t row = blockIdx.x, kv_head = blockIdx.y, slot = rows.slots[row], width = in.width, group = in.heads / in.kv_heads;
  float* const to = out + (row * in.heads + kv_head * group) * width;
  if (slot < 0) {
    for (int64_t i = threadIdx.x; i < group * width; i += kDecodeThreads) to[i] = 0;
    return;
  }
  const int64_t length = rows.lengths[row], prompt_length = rows.prompt_lengths[row];
  const int64_t own = (slot * in.kv_heads + kv_head) * cache.slot_capacity * width, prompt = (rows.regions[row] * in.kv_heads + kv_head) * cache.prompt_capacity * width;
  const DecodeBlock block(static_cast<int>(group), static_cast<int>(width));
  for (int64_t i = threadIdx.x; i < width; i += kDecodeThreads) {
    cache.slot_k[own + length * width + i] = in.k[row * in.kv_row + kv_head * width + i];
    cache.slot_v[own + length * width + i] = in.v[row * in.kv_row + kv_head * width + i];
  }
  for (int64_t i = threadIdx.x; i < group * width; i += kDecodeThreads) {
    block.q[i] = in.q[row * in.q_row + kv_head * group * width + i];
    block.sums[i] = 0;
  }
  for (int64_t h = threadIdx.x; h < group; h += kDecodeThreads) block.largest[h] = -INFINITY, block.total[h] = 0;
  __syncthreads();
  for (int64_t first = 0; first < prompt_length; first += kDecodeKeys) {
    const int64_t left = prompt_length - first;
    block.add(cache.prompt_k + prompt + first * width, cache.prompt_v + prompt + first * width, static_cast<int>(left < kDecodeKeys ? left : kDecodeKeys), in.scale);
  }
  for (int64_t first = 0; first <= length; first += kDecodeKeys) {
    const int64_t left = length + 1 - first;
    block.add(cache.slot_k + own + first * width, cache.slot_v + own + first * width, static_cast<int>(left < kDecodeKeys ? left : kDecodeKeys), in.scale);
  }
  for (int64_t i = threadIdx.x; i < group * width; i += kDecodeThreads) to[i] = block.sums[i] / block.total[i / width];
}

}  // namespace slipway::cuda
