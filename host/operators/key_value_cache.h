// Keys and values of prompts, each encoded once, and of the rows that go on from them, in memory of
// fixed size: a region for each prompt and a slot for each row.
#pragma once
#include <memory>

#include "operators/attention_context.h"

namespace slipway {

// Owned by the generator; the operators read and append. One thread at a time.
class KeyValueCache {
 public:
  struct Size {
    int64_t prompts, prompt_tokens;  // regions, and the longest prompt
    int64_t slots, slot_tokens;      // rows, and the most tokens of their own
  };
  struct Shape {
    int64_t layers, kv_heads, width;
  };
  // One where models compute.
  static std::unique_ptr<KeyValueCache> make(const Shape& shape, const Size& size);

  virtual ~KeyValueCache() = default;
  KeyValueCache(const KeyValueCache&) = delete;
  KeyValueCache& operator=(const KeyValueCache&) = delete;

  const Shape& shape() const { return shape_; }
  // A prompt position's number among those of all regions.
  int64_t prompt_place(int64_t region, int64_t position) const {
    return region * prompt_capacity_ + position;
  }

  // Attends in one layer, as a packed context with this cache says, and stores keys and values of
  // its prompts; out and lse as Kernels::attention(). Throws Error where trees are no plain
  // sequences.
  virtual void prefill(const AttentionRows& in, int64_t layer, const AttentionContext& context,
                       float* out, float* lse) = 0;
  // One new token a row of the context: stores its key and value in the row's slot, then attends to
  // its prompt and the slot. out [rows, heads * width].
  virtual void decode(const AttentionRows& in, int64_t layer, const AttentionContext& context,
                      float* out) = 0;

 protected:
  KeyValueCache(const Shape& shape, const Size& size);

  Shape shape_;
  int64_t prompt_capacity_, slot_capacity_;  // positions of a region and of a slot
};

}  // namespace slipway
