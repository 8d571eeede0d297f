// Keys and values in the host's memory, in the layout of products.
#pragma once
#include "compute/torch.h"
#include "kernels/cpu/attention_kernel.h"
#include "operators/key_value_cache.h"

namespace slipway {

class HostCache final : public KeyValueCache {
 public:
  HostCache(const Shape& shape, const Size& size);

  void prefill(const AttentionRows& in, int64_t layer, const AttentionContext& context, float* out,
               float* lse) override;
  void decode(const AttentionRows& in, int64_t layer, const AttentionContext& context,
              float* out) override;

 private:
  struct Store {
    at::Tensor k, v;
    int64_t runs, capacity;
  };
  Store make_store(int64_t runs, int64_t capacity) const;
  CachedRun run(const Store& store, int64_t layer, int64_t index, int64_t kv_head,
                int64_t length) const;
  // Puts a position's key and value [width] of one head there.
  void put(Store& store, int64_t layer, int64_t index, int64_t kv_head, int64_t position,
           const float* k, const float* v);
  // A decoding step of one layer, and of its row r one head: the new token into the cache, and what
  // the row attends with.
  struct DecodeCall {
    const AttentionRows& in;
    int64_t layer;
    const std::vector<AttentionContext::Row>& rows;
    float* out;
  };
  void put_own(const DecodeCall& call, size_t r, int64_t kv_head);
  ContinuingRow continuing(const DecodeCall& call, size_t r, int64_t kv_head) const;
  CachedRun prompt_of(const DecodeCall& call, size_t r, int64_t kv_head) const;
  void decode_by_parts(const DecodeCall& call);

  Store prompts_, slots_;
};

}  // namespace slipway
