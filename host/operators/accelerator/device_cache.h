// Keys and values in the accelerator's memory.
#pragma once
#include "operators/accelerator/device_tensors.h"
#include "operators/key_value_cache.h"

namespace slipway {

class DeviceCache final : public KeyValueCache {
 public:
  DeviceCache(const Shape& shape, const Size& size);

  // Attends to what is in the batch alone: AttentionContext::cached must be empty.
  void prefill(const AttentionRows& in, int64_t layer, const AttentionContext& context, float* out,
               float* lse) override;
  void decode(const AttentionRows& in, int64_t layer, const AttentionContext& context,
              float* out) override;

 private:
  at::Tensor store(int64_t runs, int64_t capacity) const;
  CacheLayer layer_of(int64_t layer) const;

  at::Tensor prompt_k_, prompt_v_, slot_k_,
      slot_v_;  // [layers, runs * kv_heads * capacity * width]
};

}  // namespace slipway
