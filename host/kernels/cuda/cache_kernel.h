// Keys and values of prompts into the cache; places and layout as DeviceKernels::cache_prompts
// tells.
#pragma once
#include "kernels/cuda/dialect.h"
#include "kernels/device_kernels.h"

namespace slipway::cuda {

constexpr int kCacheThreads = 128;

// One block a token.
__global__ __launch_bounds__(kCacheThreads) inline void cache_prompts_kernel(AttentionRows in,
                                                                             const int64_t* places,
                                                                             CacheLayer cache) {
  const int64_t token = blockIdx.x, place = places[token];
  if (place < 0) return;
  const int64_t region = place / cache.prompt_capacity, position = place % cache.prompt_capacity;
  for (int64_t i = threadIdx.x; i < in.kv_heads * in.width; i += kCacheThreads) {
    const int64_t run = region * in.kv_heads + i / in.width;
    const int64_t to = (run * cache.prompt_capacity + position) * in.width + i % in.width;
    cache.prompt_k[to] = in.k[token * in.kv_row + i];
    cache.prompt_v[to] = in.v[token * in.kv_row + i];
  }
}

}  // namespace slipway::cuda
