// Contexts, and their check against a call.
#include "operators/attention_context.h"

#include "base/error.h"
#include "operators/key_value_cache.h"

namespace slipway {

AttentionContext AttentionContext::packed(const std::vector<int32_t>& cu_seqlens) {
  std::vector<PrefixTree> trees;
  for (size_t s = 0; s + 1 < cu_seqlens.size(); ++s)
    if (cu_seqlens[s + 1] > cu_seqlens[s])
      trees.push_back({{{cu_seqlens[s], cu_seqlens[s + 1] - cu_seqlens[s]}}});
  return packed(std::move(trees), cu_seqlens.empty() ? 0 : cu_seqlens.back());
}

AttentionContext AttentionContext::packed(std::vector<PrefixTree> trees, int64_t tokens) {
  AttentionContext out;
  out.tokens = tokens;
  out.trees = std::make_shared<const std::vector<PrefixTree>>(std::move(trees));
  return out;
}

const AttentionContext& AttentionContext::of(int64_t handle, int64_t tokens, const HeadShape& shape,
                                             int64_t layer) {
  if (handle == 0) fail("attention: called without the context that forward() was given");
  const auto& context = *reinterpret_cast<const AttentionContext*>(handle);
  const int64_t planned =
      context.mode == Mode::kDecode ? static_cast<int64_t>(context.rows.size()) : context.tokens;
  if (context.mode == Mode::kPacked && !context.trees)
    fail("attention: the context names no sequences");
  if (tokens != planned) fail("attention: {} tokens in the call, {} in the batch", tokens, planned);
  if (context.cache != nullptr && (context.cache->shape().kv_heads != shape.kv_heads ||
                                   context.cache->shape().width != shape.width))
    fail("attention: {} key-value heads of {} in the call, {} of {} declared for the cache",
         shape.kv_heads, shape.width, context.cache->shape().kv_heads,
         context.cache->shape().width);
  if (context.cache != nullptr && (layer < 0 || layer >= context.cache->shape().layers))
    fail("attention: layer {} in the call, {} layers declared for the cache", layer,
         context.cache->shape().layers);
  return context;
}

}  // namespace slipway
