// The attention operator's context: what "attend" means right now. The host makes one, hands its
// address through the model to the operator, and so one forward serves training, prefill and
// decoding.
#pragma once
#include <cstdint>
#include <memory>
#include <vector>

#include "kernels/attention_plan.h"

namespace slipway {

class KeyValueCache;
struct ContextPlan;

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
  // made when the operator first attends (context_plan.h)
  mutable std::shared_ptr<const ContextPlan> plan;

  // What travels through the model as an opaque number; valid while the object lives.
  int64_t handle() const { return reinterpret_cast<int64_t>(this); }
  // The context behind a handle, checked against the operands: throws Error.
  static const AttentionContext& of(int64_t handle, int64_t tokens, const HeadShape& shape,
                                    int64_t layer);
};

}  // namespace slipway
