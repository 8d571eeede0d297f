// Attention over cached runs, by all threads.
#include "operators/host_cache.h"

#include "base/error.h"
#include "compute/parallel.h"

namespace slipway {
namespace {

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

}  // namespace

HostCache::HostCache(const Shape& shape, const Size& size)
    : KeyValueCache(shape, size),
      prompts_(make_store(size.prompts, prompt_capacity_)),
      slots_(make_store(size.slots, slot_capacity_)) {}

HostCache::Store HostCache::make_store(int64_t runs, int64_t capacity) const {
  const int64_t heads = shape_.layers * runs * shape_.kv_heads;
  return {at::empty({heads * cached_key_floats(shape_.width, capacity)}, at::kFloat),
          at::empty({heads * cached_value_floats(shape_.width, capacity)}, at::kFloat), runs,
          capacity};
}

CachedRun HostCache::run(const Store& store, int64_t layer, int64_t index, int64_t kv_head,
                         int64_t length) const {
  const int64_t at = (layer * store.runs + index) * shape_.kv_heads + kv_head;
  return {store.k.const_data_ptr<float>() + at * cached_key_floats(shape_.width, store.capacity),
          store.v.const_data_ptr<float>() + at * cached_value_floats(shape_.width, store.capacity),
          length, store.capacity};
}

void HostCache::put(Store& store, int64_t layer, int64_t index, int64_t kv_head, int64_t position,
                    const float* k, const float* v) {
  const CachedRun to = run(store, layer, index, kv_head, position);
  cache_position(k, v, shape_.width, position, store.capacity, const_cast<float*>(to.k),
                 const_cast<float*>(to.v));
}

// Keys and values go into the cache, and are attended to there: their layout is that of products.
void HostCache::prefill(const AttentionRows& in, int64_t layer, const AttentionContext& context,
                        float* out, float* lse) {
  std::vector<CachedPiece> pieces;
  for (size_t tree = 0; tree < context.trees->size(); ++tree) {
    if ((*context.trees)[tree].runs.size() != 1)
      fail("attention: only plain sequences go into the cache");
    const TokenRun prompt = (*context.trees)[tree].runs[0];
    pieces.push_back({prompt.begin, prompt.length,
                      context.cached.empty() ? 0 : context.cached[tree], context.regions[tree]});
  }
  parallel_chunks(static_cast<int64_t>(pieces.size()) * in.kv_heads, [&](int64_t chunk) {
    const CachedPiece& piece = pieces[static_cast<size_t>(chunk / in.kv_heads)];
    const int64_t kv = chunk % in.kv_heads;
    for (int64_t i = 0; i < piece.length; ++i) {
      const int64_t at = (piece.begin + i) * in.kv_row + kv * in.width;
      put(prompts_, layer, piece.region, kv, piece.position + i, in.k + at, in.v + at);
    }
  });
  attention_cached(
      in, pieces,
      [&](int64_t region, int64_t kv_head, int64_t length) {
        return run(prompts_, layer, region, kv_head, length);
      },
      out, lse);
}

void HostCache::decode(const AttentionRows& in, int64_t layer, const AttentionContext& context,
                       float* out) {
  const int64_t group = in.heads / in.kv_heads, width = in.width;
  const std::vector<SamePromptRows> together = same_prompt_rows(context.rows);
  parallel_chunks(static_cast<int64_t>(together.size()) * in.kv_heads, [&](int64_t chunk) {
    const SamePromptRows& rows = together[static_cast<size_t>(chunk / in.kv_heads)];
    const int64_t kv = chunk % in.kv_heads;
    static thread_local std::vector<ContinuingRow> continuing;
    continuing.clear();
    for (size_t i = rows.first; i < rows.last; ++i) {
      const AttentionContext::Row& row = context.rows[i];
      const auto r = static_cast<int64_t>(i);
      put(slots_, layer, row.slot, kv, row.length, in.k + r * in.kv_row + kv * width,
          in.v + r * in.kv_row + kv * width);
      continuing.push_back({in.q + r * in.q_row + kv * group * width,
                            run(slots_, layer, row.slot, kv, row.length + 1),
                            out + (r * in.heads + kv * group) * width});
    }
    const AttentionContext::Row& row = context.rows[rows.first];
    attention_decode(continuing, group, width, in.scale,
                     run(prompts_, layer, row.region, kv, row.prompt_length));
  });
}

}  // namespace slipway
