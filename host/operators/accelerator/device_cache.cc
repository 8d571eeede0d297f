// The cache's layers as kernels take them.
#include "operators/accelerator/device_cache.h"

#include "operators/accelerator/device_limits.h"
#include "operators/accelerator/parcel.h"
#include "operators/context_plan.h"

namespace slipway {
namespace {

std::shared_ptr<const ContextPlan> decode_plan(const AttentionContext& context) {
  if (context.plan != nullptr) return context.plan;
  std::vector<int64_t> regions, prompt_lengths, slots, lengths;
  for (const AttentionContext::Row& row : context.rows) {
    regions.push_back(row.region), prompt_lengths.push_back(row.prompt_length);
    slots.push_back(row.slot), lengths.push_back(row.length);
  }
  Parcel parcel;
  const size_t at[] = {parcel.add(regions), parcel.add(prompt_lengths), parcel.add(slots),
                       parcel.add(lengths)};
  ContextPlan out;
  out.memory = parcel.send();
  const auto array = [&](size_t i) { return Parcel::in<int64_t>(out.memory, at[i]); };
  out.rows = {array(0), array(1), array(2), array(3), static_cast<int64_t>(context.rows.size())};
  return context.plan = std::make_shared<const ContextPlan>(std::move(out));
}

}  // namespace

DeviceCache::DeviceCache(const Shape& shape, const Size& size)
    : KeyValueCache(shape, size),
      prompt_k_(store(size.prompts, prompt_capacity_)),
      prompt_v_(store(size.prompts, prompt_capacity_)),
      slot_k_(store(size.slots, slot_capacity_)),
      slot_v_(store(size.slots, slot_capacity_)) {}

at::Tensor DeviceCache::store(int64_t runs, int64_t capacity) const {
  return at::empty({shape_.layers, runs * shape_.kv_heads * capacity * shape_.width},
                   at::TensorOptions(at::kFloat).device(compute_device()));
}

CacheLayer DeviceCache::layer_of(int64_t layer) const {
  const auto at = [&](const at::Tensor& all) {
    return const_cast<float*>(all.const_data_ptr<float>()) + layer * all.size(1);
  };
  return {at(prompt_k_), at(prompt_v_), at(slot_k_), at(slot_v_), prompt_capacity_, slot_capacity_};
}

void DeviceCache::prefill(const AttentionRows& in, int64_t layer, const AttentionContext& context,
                          float* out, float* lse) {
  const std::shared_ptr<const ContextPlan> plan = context_plan(context, in.width);
  device_kernels().attention(in, plan->attention, out, lse);
  device_kernels().cache_prompts(in, in.tokens, plan->places, layer_of(layer));
}

void DeviceCache::decode(const AttentionRows& in, int64_t layer, const AttentionContext& context,
                         float* out) {
  DeviceKernels& kernels = device_kernels();
  const std::shared_ptr<const ContextPlan> plan = decode_plan(context);
  const CacheLayer cache = layer_of(layer);
  const at::Tensor partial =
      at::empty({kernels.attention_decode_room(in, plan->rows, cache)}, prompt_k_.options());
  within_limits(
      [&] { kernels.attention_decode(in, plan->rows, cache, partial.data_ptr<float>(), out); });
}

}  // namespace slipway
