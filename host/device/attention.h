// The attention operator's context: what "attend" means right now. The host makes one, hands its address through the model
// to the operator, and so one forward serves training, prefill and decoding.
#pragma once
#include <cstdint>
#include <vector>

#include "device/torch.h"

namespace slipway {

// Keys and values of one layer lie as [position][kv_head][width]; positions of one run are contiguous.
// Owned by the generator; the operator reads and appends. One thread at a time.
struct KeyValueCache {
  KeyValueCache(int64_t layers, int64_t kv_heads, int64_t width, int64_t prompt_tokens, int64_t slots,
                int64_t slot_tokens);

  int64_t layers, kv_heads, width, prompt_tokens, slots, slot_tokens;
  at::Tensor prompt_k, prompt_v;  // [layers, prompt_tokens, kv_heads, width]: all prompts end to end
  at::Tensor slot_k, slot_v;      // [layers, slots, slot_tokens, kv_heads, width]: each sample's own tokens
};

struct AttentionContext {
  enum class Mode {
    kPacked,   // sequences end to end (cu_seqlens), causal within each; with a cache: also stores keys and values
    kDecode,   // one new token a row; row i continues slot rows[i].slot
  };
  struct Row {
    int64_t prompt_begin, prompt_length;  // in the cache's prompt positions
    int64_t slot, length;                 // own tokens already cached, without the new one
  };

  Mode mode = Mode::kPacked;
  std::vector<int32_t> cu_seqlens;       // kPacked: [sequences + 1]
  KeyValueCache* cache = nullptr;        // kPacked: where prompts are stored, or nullptr
  int64_t prompt_begin = 0;              // kPacked with cache: first prompt position to write
  std::vector<Row> rows;                 // kDecode

  // What travels through the model as an opaque number; valid while the object lives.
  int64_t handle() const { return reinterpret_cast<int64_t>(this); }
};

// q [T, H, D], k and v [T, G, D] with H a multiple of G; returns [T, H, D]. Softmax of q k^T * scale over the tokens that
// the context allows. Differentiable in kPacked. Throws Error on shapes that do not fit.
at::Tensor attention(const at::Tensor& q_THD, const at::Tensor& k_TGD, const at::Tensor& v_TGD, double scale,
                     int64_t layer, int64_t context);

}  // namespace slipway
