// The launches of attention: kernels chosen by the heads' width and the card, refused where the
// card cannot. Launcher: kernel_set.h.
#pragma once
#include <iterator>
#include <stdexcept>
#include <string>

#include "kernels/cuda/attention_backward.h"
#include "kernels/cuda/attention_choice.h"
#include "kernels/cuda/attention_delta.h"
#include "kernels/cuda/attention_forward.h"
#include "kernels/cuda/cache_kernel.h"
#include "kernels/cuda/decode_attention.h"
#include "kernels/cuda/decode_join.h"
#include "kernels/cuda/rounded_attention_backward.h"
#include "kernels/cuda/rounded_attention_forward.h"

namespace slipway::cuda {

struct Grid {
  int64_t x, y = 1;
};

constexpr int64_t pieces(int64_t count, int64_t size) { return (count + size - 1) / size; }

static_assert(kWidths[std::size(kWidths) - 1] == DeviceKernels::kWidestHead);

template <class Launcher>
class AttentionSet : public DeviceKernels {
 public:
  template <class... Arguments>
  explicit AttentionSet(Arguments&&... arguments) : to_(static_cast<Arguments&&>(arguments)...) {}

  int64_t attention_tile(int64_t head_width) const override {
    const int tile = tile_for(head_width, to_.card().shared_bytes),
              least = kTiles[std::size(kTiles) - 1];
    if (kernel_width(head_width) == 0)
      throw std::length_error("heads of " + std::to_string(head_width) +
                              " are wider than the kernels can (" + std::to_string(kWidestHead) +
                              ")");
    if (tile == 0)
      refuse_shared("heads of " + std::to_string(head_width),
                    backward_shared(kernel_width(head_width), least));
    return tile;
  }
  void attention(const AttentionRows& in, const AttentionPlan& plan, float* out,
                 float* lse) override {
    if (plan.query_blocks == 0) return;
    const Grid grid{plan.query_blocks, in.heads};
    with_attention_kernels(
        kernel_width(in.width), static_cast<int>(attention_tile(in.width)),
        [&](auto width, auto tile) {
          if constexpr (has_rounded_kernels(width.value, tile.value))
            if (bfloat16_)
              return to_.launch(rounded_attention_kernel<width.value>, grid, kFragmentThreads,
                                rounded_forward_shared(width), in, plan.queries, out, lse);
          to_.launch(attention_forward_kernel<width.value, tile.value>, grid, kTileThreads,
                     forward_shared(width, tile), in, plan.queries, out, lse);
        });
  }
  void attention_backward(const AttentionRows& in, const AttentionPlan& plan, const float* out,
                          const float* lse, const float* d_out, float* delta, float* dq, float* dk,
                          float* dv) override {
    if (plan.query_blocks == 0) return;
    const int64_t rows = in.tokens * in.heads;
    to_.launch(attention_delta_kernel, {pieces(rows, kDeltaThreads / kWarp)}, kDeltaThreads, 0, out,
               d_out, rows, in.width, delta);
    const BackwardInputs inputs{in, lse, delta, d_out};
    const Grid queries{plan.query_blocks, in.heads}, keys{plan.key_blocks, in.kv_heads};
    with_attention_kernels(kernel_width(in.width), static_cast<int>(attention_tile(in.width)),
                           [&](auto width, auto tile) {
                             if constexpr (has_rounded_kernels(width.value, tile.value))
                               if (bfloat16_)
                                 return rounded_backward(width, inputs, plan, dq, dk, dv);
                             const int shared = backward_shared(width, tile);
                             to_.launch(attention_dq_kernel<width.value, tile.value>, queries,
                                        kTileThreads, shared, inputs, plan.queries, dq);
                             to_.launch(attention_dkv_kernel<width.value, tile.value>, keys,
                                        kTileThreads, shared, inputs, plan.keys, plan.runs, dk, dv);
                           });
  }
  void cache_prompts(const AttentionRows& in, int64_t tokens, const int64_t* places,
                     const CacheLayer& cache) override {
    if (tokens > 0) to_.launch(cache_prompts_kernel, {tokens}, kCacheThreads, 0, in, places, cache);
  }
  int64_t attention_decode_room(const AttentionRows& in, const DecodeRows& rows,
                                const CacheLayer& cache) const override {
    if (rows.rows == 0) return 0;
    const DecodeSplit split = decode_split(in, rows, cache, to_.card());
    return split.parts > 1 ? rows.rows * in.heads * split.parts * (in.width + 2) : 0;
  }
  void attention_decode(const AttentionRows& in, const DecodeRows& rows, const CacheLayer& cache,
                        float* partial, float* out) override {
    if (rows.rows == 0) return;
    const int64_t group = in.heads / in.kv_heads, shared = decode_shared(group, in.width);
    if (shared > to_.card().shared_bytes)
      refuse_shared(std::to_string(group) + " heads of " + std::to_string(in.width) +
                        " over one of keys, in decoding,",
                    shared);
    const DecodeSplit split = decode_split(in, rows, cache, to_.card());
    float* const parts = split.parts > 1 ? partial : nullptr;
    to_.launch(attention_decode_kernel, {rows.rows, in.kv_heads * split.blocks}, kDecodeThreads,
               static_cast<int>(shared), in, rows, cache, split, parts, out);
    if (parts != nullptr)
      to_.launch(join_parts_kernel, {rows.rows, in.heads}, kJoinThreads, 0, rows, in.heads,
                 in.width, split, parts, out);
  }

 protected:
  Launcher to_;
  bool bfloat16_ = false;  // products round their operands, attention's among them

 private:
  template <int kWidth>
  void rounded_backward(std::integral_constant<int, kWidth> width, const BackwardInputs& inputs,
                        const AttentionPlan& plan, float* dq, float* dk, float* dv) {
    const int shared = rounded_backward_shared(width);
    to_.launch(rounded_attention_dq_kernel<kWidth>, {plan.query_blocks, inputs.in.heads},
               kFragmentThreads, shared, inputs, plan.queries, dq);
    to_.launch(rounded_attention_dkv_kernel<kWidth>, {plan.key_blocks, inputs.in.kv_heads},
               kFragmentThreads, shared, inputs, plan.keys, plan.runs, dk, dv);
  }
  [[noreturn]] void refuse_shared(const std::string& what, int64_t needed) const {
    throw std::length_error(what + " need " + std::to_string(needed) +
                            " bytes of shared memory for a block of threads, and the card has " +
                            std::to_string(to_.card().shared_bytes));
  }
};

}  // namespace slipway::cuda
