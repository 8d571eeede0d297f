// The attention operator's context: what "attend" means right now. The host makes one, hands its
// address through the model to the operator, and so one forward serves training, prefill and
// decoding.
#pragma once
#include <cstdint>
#include <memory>
#include <vector>

#include "compute/torch.h"
#include "kernels/cpu/attention_kernel.h"

namespace slipway {

struct DeviceCache;
struct DevicePlan;

// Keys and values of prompts, each encoded once, and of the rows that go on from them, in memory of
// fixed size: a region for each prompt and a slot for each row. Lies where models compute. Owned by
// the generator; the operators read and append. One thread at a time.
class KeyValueCache {
 public:
  struct Size {
    int64_t prompts, prompt_tokens;  // regions, and the longest prompt
    int64_t slots, slot_tokens;      // rows, and the most tokens of their own
  };
  KeyValueCache(int64_t layers, int64_t kv_heads, int64_t width, const Size& size);

  int64_t layers() const { return layers_; }
  int64_t kv_heads() const { return kv_heads_; }
  int64_t width() const { return width_; }
  CachedRun prompt(int64_t layer, int64_t region, int64_t kv_head, int64_t length) const {
    return run(prompts_, layer, region, kv_head, length);
  }
  CachedRun slot(int64_t layer, int64_t slot, int64_t kv_head, int64_t length) const {
    return run(slots_, layer, slot, kv_head, length);
  }
  // Puts a position's key and value [width] of one head there.
  void put_prompt(int64_t layer, int64_t region, int64_t kv_head, int64_t position, const float* k,
                  const float* v) {
    put(prompts_, layer, region, kv_head, position, k, v);
  }
  void put_slot(int64_t layer, int64_t slot, int64_t kv_head, int64_t position, const float* k,
                const float* v) {
    put(slots_, layer, slot, kv_head, position, k, v);
  }

  // On a device: a layer as its kernels take it, and a prompt position's place there.
  DeviceCache device_cache(int64_t layer) const;
  int64_t prompt_place(int64_t region, int64_t position) const {
    return region * prompts_.capacity + position;
  }

  // Bytes that one token takes in each of `prompts` and `slots`, all layers.
  static int64_t bytes_per_token(int64_t layers, int64_t kv_heads, int64_t width);

 private:
  struct Store {
    at::Tensor k, v;
    int64_t runs, capacity;
  };
  Store make_store(int64_t layers, int64_t runs, int64_t tokens) const;
  CachedRun run(const Store& store, int64_t layer, int64_t index, int64_t kv_head,
                int64_t length) const;
  void put(Store& store, int64_t layer, int64_t index, int64_t kv_head, int64_t position,
           const float* k, const float* v);

  int64_t layers_, kv_heads_, width_;
  Store prompts_, slots_;
};

struct AttentionContext {
  enum class Mode {
    // segments end to end, causal within each and after the prefix they share; with a cache: also
    // stores keys and values
    kPacked,
    kDecode,  // one new token a row; row i continues slot rows[i].slot
  };
  struct Row {
    int64_t region, prompt_length;  // the prompt it goes on from
    int64_t slot, length;           // own tokens already cached, without the new one
  };

  // Sequences that have nothing in common, end to end: cu_seqlens [sequences + 1] from 0.
  static AttentionContext packed(const std::vector<int32_t>& cu_seqlens);
  static AttentionContext packed(std::vector<PrefixTree> trees, int64_t tokens);

  Mode mode = Mode::kPacked;
  int64_t tokens = 0;  // kPacked: T
  // kPacked; kept alive by what was recorded
  std::shared_ptr<const std::vector<PrefixTree>> trees;
  // kDecode, or kPacked where prompts are stored
  KeyValueCache* cache = nullptr;
  // kPacked with a cache: the region of each tree's prompt ...
  std::vector<int64_t> regions;
  // ... and how many of its tokens came in earlier batches; empty: none (on a device always)
  std::vector<int64_t> cached;
  std::vector<Row> rows;  // kDecode
  // made when a device first attends (device_attention.h)
  mutable std::shared_ptr<const DevicePlan> device_plan;

  // What travels through the model as an opaque number; valid while the object lives.
  int64_t handle() const { return reinterpret_cast<int64_t>(this); }
  // The context behind a handle, checked against the operands: throws Error.
  static const AttentionContext& of(int64_t handle, int64_t tokens, const HeadShape& shape,
                                    int64_t layer);
};

// Rows of queries, keys and values, rotated already, without recording: packed (storing keys and
// values where the context says so; lse [T, heads] is written) or decoding (lse is left alone).
void attend(const AttentionInputs& in, const HeadShape& shape, float scale, int64_t layer,
            const AttentionContext& context, float* out, float* lse);

// q [T, H, D], k and v [T, G, D] with H a multiple of G; returns [T, H, D]. Softmax of q k^T *
// scale over the tokens that the context allows. Differentiable in kPacked. Throws Error on shapes
// that do not fit.
at::Tensor attention(const at::Tensor& q_THD, const at::Tensor& k_TGD, const at::Tensor& v_TGD,
                     double scale, int64_t layer, int64_t context);

}  // namespace slipway
