// The attention operator: packed causal attention for training and prefill, cached attention for
// decoding.
#include "operators/attention.h"

#include <torch/csrc/autograd/functions/utils.h>

#include "base/error.h"
#include "base/trace.h"
#include "compute/parallel.h"
#include "operators/accelerator/device_attention.h"
#include "operators/accelerator/device_tensors.h"
#include "operators/kept.h"
#include "operators/operands.h"

namespace slipway {
namespace {

int64_t round_up(int64_t n, int64_t unit) { return (n + unit - 1) / unit * unit; }

HeadShape shape_of(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
  const bool fit = floats_together({&q, &k, &v}) && q.dim() == 3 && k.dim() == 3 &&
                   q.size(0) == k.size(0) && k.sizes() == v.sizes() && q.size(2) == k.size(2) &&
                   q.size(2) > 0 && q.size(1) > 0 && k.size(1) > 0 && q.size(1) % k.size(1) == 0;
  require_operands(fit, "slipway::attention_v1",
                   "q [T, H, D], k and v [T, G, D], float32, with H a multiple of G", {&q, &k, &v});
  return {q.size(1), k.size(1), q.size(2)};
}

AttentionInputs inputs_of(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                          const HeadShape& shape) {
  return {q.const_data_ptr<float>(), k.const_data_ptr<float>(), v.const_data_ptr<float>(),
          shape.heads * shape.width, shape.kv_heads * shape.width};
}

struct AttentionNode : torch::autograd::Node {
  Kept q_kept, k_kept, v_kept, out_kept;
  at::Tensor lse;
  HeadShape shape;
  float scale = 0;
  std::shared_ptr<const std::vector<PrefixTree>> trees;
  std::shared_ptr<const DevicePlan> plan;  // on a device

  torch::autograd::variable_list apply(torch::autograd::variable_list&& grads) override {
    constexpr const char* kName = "slipway::attention_v1";
    if (!q_kept.defined())
      fail("{}: backward a second time; what it needs was freed after the first", kName);
    const at::Tensor &q = q_kept.of(kName), &k = k_kept.of(kName), &v = v_kept.of(kName),
                     &out = out_kept.of(kName), d_out = grads[0].contiguous();
    at::Tensor dq = at::empty_like(q), dk = at::empty_like(k), dv = at::empty_like(v);
    if (plan != nullptr) {
      device_attention_backward(device_rows(inputs_of(q, k, v, shape), shape, scale, q.size(0)),
                                *plan, out, lse, d_out, dq.data_ptr<float>(), dk.data_ptr<float>(),
                                dv.data_ptr<float>());
      return {dq, dk, dv};
    }
    attention_backward(inputs_of(q, k, v, shape), shape, scale, *trees, out.const_data_ptr<float>(),
                       lse.const_data_ptr<float>(), d_out.const_data_ptr<float>(),
                       dq.data_ptr<float>(), dk.data_ptr<float>(), dv.data_ptr<float>());
    return {dq, dk, dv};
  }
  void release_variables() override {
    q_kept = k_kept = v_kept = out_kept = Kept();
    lse = at::Tensor();
  }
};

// Rows side by side that go on from one prompt: its keys and values are read once for all of them.
struct SamePromptRows {
  size_t first, last;
};

std::vector<SamePromptRows> same_prompt_rows(const std::vector<AttentionContext::Row>& rows) {
  // enough to fill tiles; more would leave too few pieces for the threads
  constexpr size_t kTogether = 8;
  std::vector<SamePromptRows> out;
  for (size_t r = 0; r < rows.size(); ++r) {
    if (!out.empty() && rows[r].region == rows[out.back().first].region &&
        r - out.back().first < kTogether)
      out.back().last = r + 1;
    else out.push_back({r, r + 1});
  }
  return out;
}

void decode(const AttentionInputs& in, const HeadShape& shape, float scale, int64_t layer,
            const AttentionContext& context, float* out) {
  const int64_t group = shape.group(), width = shape.width;
  const std::vector<SamePromptRows> together = same_prompt_rows(context.rows);
  parallel_chunks(static_cast<int64_t>(together.size()) * shape.kv_heads, [&](int64_t chunk) {
    const SamePromptRows& rows = together[static_cast<size_t>(chunk / shape.kv_heads)];
    const int64_t kv = chunk % shape.kv_heads;
    static thread_local std::vector<ContinuingRow> continuing;
    continuing.clear();
    for (size_t i = rows.first; i < rows.last; ++i) {
      const AttentionContext::Row& row = context.rows[i];
      const auto r = static_cast<int64_t>(i);
      context.cache->put_slot(layer, row.slot, kv, row.length, in.k + r * in.kv_row + kv * width,
                              in.v + r * in.kv_row + kv * width);
      continuing.push_back({in.q + r * in.q_row + kv * group * width,
                            context.cache->slot(layer, row.slot, kv, row.length + 1),
                            out + (r * shape.heads + kv * group) * width});
    }
    const AttentionContext::Row& row = context.rows[rows.first];
    attention_decode(continuing, group, width, scale,
                     context.cache->prompt(layer, row.region, kv, row.prompt_length));
  });
}

// Keys and values go into the cache, and are attended to there: their layout is that of products.
void prefill(const AttentionInputs& in, const HeadShape& shape, float scale, int64_t layer,
             const AttentionContext& context, float* out, float* lse) {
  KeyValueCache& cache = *context.cache;
  std::vector<CachedPiece> pieces;
  for (size_t tree = 0; tree < context.trees->size(); ++tree) {
    if ((*context.trees)[tree].runs.size() != 1)
      fail("attention: only plain sequences go into the cache");
    const TokenRun prompt = (*context.trees)[tree].runs[0];
    pieces.push_back({prompt.begin, prompt.length,
                      context.cached.empty() ? 0 : context.cached[tree], context.regions[tree]});
  }
  parallel_chunks(static_cast<int64_t>(pieces.size()) * shape.kv_heads, [&](int64_t chunk) {
    const CachedPiece& piece = pieces[static_cast<size_t>(chunk / shape.kv_heads)];
    const int64_t kv = chunk % shape.kv_heads;
    for (int64_t i = 0; i < piece.length; ++i) {
      const int64_t at = (piece.begin + i) * in.kv_row + kv * shape.width;
      cache.put_prompt(layer, piece.region, kv, piece.position + i, in.k + at, in.v + at);
    }
  });
  const auto run = [&](int64_t region, int64_t kv_head, int64_t length) {
    return cache.prompt(layer, region, kv_head, length);
  };
  attention_cached(in, shape, scale, pieces, run, out, lse);
}

}  // namespace

KeyValueCache::KeyValueCache(int64_t layers, int64_t kv_heads, int64_t width, const Size& size)
    : layers_(layers),
      kv_heads_(kv_heads),
      width_(width),
      prompts_(make_store(layers, size.prompts, size.prompt_tokens)),
      slots_(make_store(layers, size.slots, size.slot_tokens)) {}

KeyValueCache::Store KeyValueCache::make_store(int64_t layers, int64_t runs, int64_t tokens) const {
  const int64_t capacity = round_up(tokens, gemm::panel_width()), heads = layers * runs * kv_heads_;
  if (accelerator() != nullptr) {
    const auto rows = [&] {
      return at::empty({layers, runs * kv_heads_ * capacity * width_},
                       at::TensorOptions(at::kFloat).device(compute_device()));
    };
    return {rows(), rows(), runs, capacity};
  }
  return {at::empty({heads * cached_key_floats(width_, capacity)}, at::kFloat),
          at::empty({heads * cached_value_floats(width_, capacity)}, at::kFloat), runs, capacity};
}

CachedRun KeyValueCache::run(const Store& store, int64_t layer, int64_t index, int64_t kv_head,
                             int64_t length) const {
  const int64_t at = (layer * store.runs + index) * kv_heads_ + kv_head;
  return {store.k.const_data_ptr<float>() + at * cached_key_floats(width_, store.capacity),
          store.v.const_data_ptr<float>() + at * cached_value_floats(width_, store.capacity),
          length, store.capacity};
}

void KeyValueCache::put(Store& store, int64_t layer, int64_t index, int64_t kv_head,
                        int64_t position, const float* k, const float* v) {
  const CachedRun to = run(store, layer, index, kv_head, position);
  cache_position(k, v, width_, position, store.capacity, const_cast<float*>(to.k),
                 const_cast<float*>(to.v));
}

DeviceCache KeyValueCache::device_cache(int64_t layer) const {
  const auto at = [&](const at::Tensor& all) {
    return const_cast<float*>(all.const_data_ptr<float>()) + layer * all.size(1);
  };
  return {at(prompts_.k), at(prompts_.v),    at(slots_.k),
          at(slots_.v),   prompts_.capacity, slots_.capacity};
}

int64_t KeyValueCache::bytes_per_token(int64_t layers, int64_t kv_heads, int64_t width) {
  return static_cast<int64_t>(sizeof(float)) * layers * kv_heads *
         (width + gemm::panels(width) * gemm::panel_width());
}

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
  if (context.cache != nullptr &&
      (context.cache->kv_heads() != shape.kv_heads || context.cache->width() != shape.width))
    fail("attention: {} key-value heads of {} in the call, {} of {} declared for the cache",
         shape.kv_heads, shape.width, context.cache->kv_heads(), context.cache->width());
  if (context.cache != nullptr && (layer < 0 || layer >= context.cache->layers()))
    fail("attention: layer {} in the call, {} layers declared for the cache", layer,
         context.cache->layers());
  return context;
}

void attend(const AttentionInputs& in, const HeadShape& shape, float scale, int64_t layer,
            const AttentionContext& context, float* out, float* lse) {
  if (context.mode == AttentionContext::Mode::kDecode)
    return decode(in, shape, scale, layer, context, out);
  if (context.cache == nullptr) attention_forward(in, shape, scale, *context.trees, out, lse);
  else prefill(in, shape, scale, layer, context, out, lse);
}

at::Tensor attention(const at::Tensor& q_in, const at::Tensor& k_in, const at::Tensor& v_in,
                     double scale, int64_t layer, int64_t handle) {
  const TraceScope trace("operator", "attention");
  const HeadShape shape = shape_of(q_in, k_in, v_in);
  const AttentionContext& context = AttentionContext::of(handle, q_in.size(0), shape, layer);
  const at::Tensor q = q_in.contiguous(), k = k_in.contiguous(), v = v_in.contiguous();
  at::Tensor out = at::empty(q.sizes(), q.options()), lse;
  const bool packed = context.mode == AttentionContext::Mode::kPacked;
  if (packed) lse = at::empty({q.size(0), shape.heads}, q.options());
  float* const lse_data = packed ? lse.data_ptr<float>() : nullptr;
  const bool device = on_device(q);
  if (device)
    device_attend(
        device_rows(inputs_of(q, k, v, shape), shape, static_cast<float>(scale), q.size(0)), layer,
        context, out.data_ptr<float>(), lse_data);
  else
    attend(inputs_of(q, k, v, shape), shape, static_cast<float>(scale), layer, context,
           out.data_ptr<float>(), lse_data);
  if (!packed || !at::GradMode::is_enabled() ||
      !(q.requires_grad() || k.requires_grad() || v.requires_grad()))
    return out;
  const auto node = make_node<AttentionNode>();
  node->set_next_edges(torch::autograd::collect_next_edges(q, k, v));
  node->q_kept = Kept(q), node->k_kept = Kept(k), node->v_kept = Kept(v),
  node->out_kept = Kept(out), node->lse = lse;
  node->shape = shape, node->scale = static_cast<float>(scale), node->trees = context.trees;
  if (device) node->plan = device_plan(context, shape.width);
  torch::autograd::set_history(out, node);
  return out;
}

}  // namespace slipway
