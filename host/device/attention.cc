// The attention operator: packed causal attention for training and prefill, cached attention for decoding.
#include "device/attention.h"

#include "base/error.h"
#include "device/kernels.h"

namespace slipway {
namespace {

void check_shapes(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
  if (q.dim() != 3 || k.dim() != 3 || v.dim() != 3 || q.size(0) != k.size(0) || k.sizes() != v.sizes() ||
      q.size(2) != k.size(2) || k.size(1) == 0 || q.size(1) % k.size(1) != 0)
    fail("slipway::attention_v1: expects q [T, H, D], k and v [T, G, D] with H a multiple of G");
}

at::Tensor packed(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, double scale,
                  const AttentionContext& context) {
  if (context.cu_seqlens.empty() || context.cu_seqlens.back() != q.size(0))
    fail("slipway::attention_v1: cu_seqlens ends at {}, but there are {} tokens",
         context.cu_seqlens.empty() ? 0 : context.cu_seqlens.back(), q.size(0));
  const auto heads_first = [](const at::Tensor& x, int64_t begin, int64_t length) {
    return x.narrow(0, begin, length).transpose(0, 1).unsqueeze(0);  // [1, heads, L, D]
  };
  std::vector<at::Tensor> out;
  out.reserve(context.cu_seqlens.size());
  for (size_t s = 0; s + 1 < context.cu_seqlens.size(); ++s) {
    const int64_t begin = context.cu_seqlens[s], length = context.cu_seqlens[s + 1] - begin;
    if (length == 0) continue;
    out.push_back(at::scaled_dot_product_attention(heads_first(q, begin, length), heads_first(k, begin, length),
                                                   heads_first(v, begin, length), {}, 0.0, /*is_causal=*/true, scale,
                                                   /*enable_gqa=*/q.size(1) != k.size(1))
                      .squeeze(0)
                      .transpose(0, 1));
  }
  return out.size() == 1 ? out[0].contiguous() : at::cat(out, 0);
}

at::Tensor decode(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, double scale, int64_t layer,
                  const AttentionContext& context) {
  KeyValueCache& cache = *context.cache;
  const int64_t rows = q.size(0), heads = q.size(1), width = q.size(2), groups = k.size(1), stride = groups * width;
  if (rows != static_cast<int64_t>(context.rows.size()) || groups != cache.kv_heads || width != cache.width)
    fail("slipway::attention_v1: {} rows in the call, {} in the cache's plan", rows, context.rows.size());
  const at::Tensor qc = q.contiguous(), kc = k.contiguous(), vc = v.contiguous();
  at::Tensor out = at::empty_like(qc);
  const float *q_data = qc.const_data_ptr<float>(), *k_data = kc.const_data_ptr<float>(),
              *v_data = vc.const_data_ptr<float>();
  float* out_data = out.data_ptr<float>();
  const float* prompt_k = cache.prompt_k.const_data_ptr<float>() + layer * cache.prompt_tokens * stride;
  const float* prompt_v = cache.prompt_v.const_data_ptr<float>() + layer * cache.prompt_tokens * stride;
  float* slot_k = cache.slot_k.data_ptr<float>() + layer * cache.slots * cache.slot_tokens * stride;
  float* slot_v = cache.slot_v.data_ptr<float>() + layer * cache.slots * cache.slot_tokens * stride;
  at::parallel_for(0, rows, 1, [&](int64_t first, int64_t last) {
    std::vector<float> scores(static_cast<size_t>(cache.prompt_tokens + cache.slot_tokens));
    for (int64_t r = first; r < last; ++r) {
      const AttentionContext::Row& row = context.rows[static_cast<size_t>(r)];
      float* own_k = slot_k + row.slot * cache.slot_tokens * stride;
      float* own_v = slot_v + row.slot * cache.slot_tokens * stride;
      std::copy_n(k_data + r * stride, stride, own_k + row.length * stride);
      std::copy_n(v_data + r * stride, stride, own_v + row.length * stride);
      for (int64_t h = 0; h < heads; ++h) {
        const int64_t group = h / (heads / groups) * width;
        kernels::attend(q_data + (r * heads + h) * width,
                        {prompt_k + row.prompt_begin * stride + group, prompt_v + row.prompt_begin * stride + group,
                         row.prompt_length},
                        {own_k + group, own_v + group, row.length + 1}, stride, width, static_cast<float>(scale),
                        scores.data(), out_data + (r * heads + h) * width);
      }
    }
  });
  return out;
}

}  // namespace

KeyValueCache::KeyValueCache(int64_t layers_, int64_t kv_heads_, int64_t width_, int64_t prompt_tokens_, int64_t slots_,
                             int64_t slot_tokens_)
    : layers(layers_), kv_heads(kv_heads_), width(width_), prompt_tokens(prompt_tokens_), slots(slots_),
      slot_tokens(slot_tokens_) {
  prompt_k = at::empty({layers, prompt_tokens, kv_heads, width}, at::kFloat);
  prompt_v = at::empty_like(prompt_k);
  slot_k = at::empty({layers, slots, slot_tokens, kv_heads, width}, at::kFloat);
  slot_v = at::empty_like(slot_k);
}

at::Tensor attention(const at::Tensor& q_THD, const at::Tensor& k_TGD, const at::Tensor& v_TGD, double scale,
                     int64_t layer, int64_t handle) {
  check_shapes(q_THD, k_TGD, v_TGD);
  if (handle == 0) fail("slipway::attention_v1: called without the context that forward() was given");
  const auto& context = *reinterpret_cast<const AttentionContext*>(handle);
  if (context.mode == AttentionContext::Mode::kDecode) return decode(q_THD, k_TGD, v_TGD, scale, layer, context);
  if (context.cache != nullptr) {
    const at::NoGradGuard no_grad;
    context.cache->prompt_k[layer].narrow(0, context.prompt_begin, k_TGD.size(0)).copy_(k_TGD);
    context.cache->prompt_v[layer].narrow(0, context.prompt_begin, v_TGD.size(0)).copy_(v_TGD);
  }
  return packed(q_THD, k_TGD, v_TGD, scale, context);
}

}  // namespace slipway
