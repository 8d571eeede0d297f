// Plans in the device's memory.
#include "operators/accelerator/device_attention.h"

#include <cstring>
#include <stdexcept>

#include "base/error.h"
#include "kernels/attention_tables.h"
#include "operators/accelerator/device_copy.h"
#include "operators/accelerator/device_tensors.h"

namespace slipway {
namespace {

// Arrays that go to the device in one copy.
class Parcel {
 public:
  template <class T>
  size_t add(const std::vector<T>& values) {
    const size_t at = bytes_.size();
    bytes_.resize(at + (values.size() * sizeof(T) + 15) / 16 * 16);
    if (!values.empty()) std::memcpy(bytes_.data() + at, values.data(), values.size() * sizeof(T));
    return at;
  }
  at::Tensor send() const {
    const c10::InferenceMode ordinary(false);
    const at::Tensor here = at::from_blob(const_cast<char*>(bytes_.data()),
                                          {static_cast<int64_t>(bytes_.size())}, at::kByte);
    return here.to(compute_device());
  }

 private:
  std::vector<char> bytes_;
};

template <class T>
const T* in(const at::Tensor& memory, size_t offset) {
  return reinterpret_cast<const T*>(memory.const_data_ptr<uint8_t>() + offset);
}

// Tokens of prompts go to their tree's region, all others nowhere.
std::vector<int64_t> places_of(const AttentionContext& context) {
  std::vector<int64_t> places(static_cast<size_t>(context.tokens), -1);
  for (size_t tree = 0; tree < context.trees->size(); ++tree) {
    const TokenRun prompt = (*context.trees)[tree].runs[0];
    for (int64_t i = 0; i < prompt.length; ++i)
      places[static_cast<size_t>(prompt.begin + i)] =
          context.cache->prompt_place(context.regions[tree], i);
  }
  return places;
}

// What the device cannot is told with its name and a fix.
template <class Work>
auto within_limits(const Work& work) {
  try {
    return work();
  } catch (const std::length_error& e) {
    fail("attention on {}: {}; use device = \"cpu\"", device_of_tensors().name(), e.what());
  }
}

DevicePlan packed_plan(const AttentionContext& context, int64_t tile) {
  const AttentionTables tables = attention_tables(*context.trees, tile);
  Parcel parcel;
  const size_t queries = parcel.add(tables.queries), keys = parcel.add(tables.keys),
               runs = parcel.add(tables.runs);
  const size_t places = context.cache != nullptr ? parcel.add(places_of(context)) : 0;
  DevicePlan out{parcel.send()};
  out.tables = {in<QueryBlock>(out.memory, queries), in<KeyBlock>(out.memory, keys),
                in<QueryRun>(out.memory, runs), static_cast<int64_t>(tables.queries.size()),
                static_cast<int64_t>(tables.keys.size())};
  if (context.cache != nullptr) out.places = in<int64_t>(out.memory, places);
  return out;
}

DevicePlan decode_plan(const AttentionContext& context) {
  std::vector<int64_t> regions, prompt_lengths, slots, lengths;
  for (const AttentionContext::Row& row : context.rows) {
    regions.push_back(row.region), prompt_lengths.push_back(row.prompt_length);
    slots.push_back(row.slot), lengths.push_back(row.length);
  }
  Parcel parcel;
  const size_t at[] = {parcel.add(regions), parcel.add(prompt_lengths), parcel.add(slots),
                       parcel.add(lengths)};
  DevicePlan out{parcel.send()};
  const auto array = [&](size_t i) { return in<int64_t>(out.memory, at[i]); };
  out.rows = {array(0), array(1), array(2), array(3), static_cast<int64_t>(context.rows.size())};
  return out;
}

}  // namespace

std::shared_ptr<const DevicePlan> device_plan(const AttentionContext& context, int64_t head_width) {
  const bool decodes = context.mode == AttentionContext::Mode::kDecode;
  const int64_t tile =
      decodes ? 0 : within_limits([&] { return device_kernels().attention_tile(head_width); });
  for (std::shared_ptr<const DevicePlan> made = context.device_plan; made != nullptr;
       made = made->other)
    if (made->tile == tile) return made;
  DevicePlan plan = decodes ? decode_plan(context) : packed_plan(context, tile);
  plan.tile = tile, plan.other = context.device_plan;
  return context.device_plan = std::make_shared<const DevicePlan>(std::move(plan));
}

AttentionRows device_rows(const AttentionInputs& in, const HeadShape& shape, float scale,
                          int64_t tokens) {
  return {in.q,   in.k,        in.v,           in.q_row,    in.kv_row,
          tokens, shape.heads, shape.kv_heads, shape.width, scale};
}

void device_attend(const AttentionRows& in, int64_t layer, const AttentionContext& context,
                   float* out, float* lse) {
  DeviceKernels& kernels = device_kernels();
  const std::shared_ptr<const DevicePlan> kept = device_plan(context, in.width);
  const DevicePlan& plan = *kept;
  if (context.mode == AttentionContext::Mode::kDecode) {
    const DeviceCache cache = context.cache->device_cache(layer);
    const int64_t room = kernels.attention_decode_room(in, plan.rows, cache);
    const at::Tensor partial =
        at::empty({room}, at::TensorOptions(at::kFloat).device(compute_device()));
    return within_limits(
        [&] { kernels.attention_decode(in, plan.rows, cache, partial.data_ptr<float>(), out); });
  }
  kernels.attention(in, plan.tables, out, lse);
  if (context.cache != nullptr)
    kernels.cache_prompts(in, in.tokens, plan.places, context.cache->device_cache(layer));
}

void device_attention_backward(const AttentionRows& in, const DevicePlan& plan,
                               const at::Tensor& out, const at::Tensor& lse,
                               const at::Tensor& d_out, float* dq, float* dk, float* dv) {
  at::Tensor delta = at::empty_like(lse);
  device_kernels().attention_backward(in, plan.tables, out.const_data_ptr<float>(),
                                      lse.const_data_ptr<float>(), d_out.const_data_ptr<float>(),
                                      delta.data_ptr<float>(), dq, dk, dv);
}

}  // namespace slipway
