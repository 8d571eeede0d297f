// Tables in the device's memory; the processor reads the trees themselves.
#include "operators/context_plan.h"

#include "kernels/attention_tables.h"
#include "operators/accelerator/device_limits.h"
#include "operators/accelerator/parcel.h"
#include "operators/kernels_of.h"
#include "operators/key_value_cache.h"

namespace slipway {
namespace {

// Tokens of prompts go to their tree's region, all others nowhere.
std::vector<int64_t> places_of(const AttentionContext& context) {
  std::vector<int64_t> places(static_cast<size_t>(context.tokens), -1);
  for (size_t tree = 0; tree < context.trees->size(); ++tree) {
    if ((*context.trees)[tree].runs.size() != 1)
      fail("attention: only plain sequences go into the cache");
    const TokenRun prompt = (*context.trees)[tree].runs[0];
    for (int64_t i = 0; i < prompt.length; ++i)
      places[static_cast<size_t>(prompt.begin + i)] =
          context.cache->prompt_place(context.regions[tree], i);
  }
  return places;
}

void add_tables(const AttentionContext& context, int64_t tile, ContextPlan& plan) {
  const AttentionTables tables = attention_tables(*context.trees, tile);
  Parcel parcel;
  const size_t queries = parcel.add(tables.queries), keys = parcel.add(tables.keys),
               runs = parcel.add(tables.runs);
  const size_t places = context.cache != nullptr ? parcel.add(places_of(context)) : 0;
  plan.memory = parcel.send();
  plan.attention = {
      Parcel::in<QueryBlock>(plan.memory, queries), Parcel::in<KeyBlock>(plan.memory, keys),
      Parcel::in<QueryRun>(plan.memory, runs), static_cast<int64_t>(tables.queries.size()),
      static_cast<int64_t>(tables.keys.size())};
  if (context.cache != nullptr) plan.places = Parcel::in<int64_t>(plan.memory, places);
}

}  // namespace

std::shared_ptr<const ContextPlan> context_plan(const AttentionContext& context,
                                                int64_t head_width) {
  const int64_t tile = within_limits([&] { return compute_kernels().attention_tile(head_width); });
  for (std::shared_ptr<const ContextPlan> made = context.plan; made != nullptr; made = made->other)
    if (made->tile == tile) return made;
  ContextPlan plan;
  if (tile != 0) add_tables(context, tile, plan);
  plan.trees = context.trees, plan.attention.trees = plan.trees.get();
  plan.tile = tile, plan.other = context.plan;
  return context.plan = std::make_shared<const ContextPlan>(std::move(plan));
}

}  // namespace slipway
