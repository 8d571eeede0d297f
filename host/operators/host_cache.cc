// Attention over cached runs, by all threads.
#include "operators/host_cache.h"

#include <algorithm>

#include "base/error.h"
#include "compute/parallel.h"
#include "compute/scratch.h"

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

// Rows of up to so many parts of keys are whole pieces of work: quicker done than shared.
constexpr int64_t kPartsTogether = 3;

struct PromptPart {
  SamePromptRows rows;
  int64_t part;
};
struct OwnPart {
  size_t row;
  int64_t before, part;  // parts of its prompt, and this one's number after them
};

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

void HostCache::put_own(const DecodeCall& call, size_t r, int64_t kv_head) {
  const AttentionContext::Row& row = call.rows[r];
  const int64_t at = static_cast<int64_t>(r) * call.in.kv_row + kv_head * call.in.width;
  put(slots_, call.layer, row.slot, kv_head, row.length, call.in.k + at, call.in.v + at);
}

ContinuingRow HostCache::continuing(const DecodeCall& call, size_t r, int64_t kv_head) const {
  const AttentionContext::Row& row = call.rows[r];
  const AttentionRows& in = call.in;
  const int64_t group = in.heads / in.kv_heads, i = static_cast<int64_t>(r);
  return {in.q + i * in.q_row + kv_head * group * in.width,
          run(slots_, call.layer, row.slot, kv_head, row.length + 1),
          in.scores.first_key(row.prompt_length + row.length),
          call.out + (i * in.heads + kv_head * group) * in.width};
}

CachedRun HostCache::prompt_of(const DecodeCall& call, size_t r, int64_t kv_head) const {
  return run(prompts_, call.layer, call.rows[r].region, kv_head, call.rows[r].prompt_length);
}

void HostCache::decode(const AttentionRows& in, int64_t layer, const AttentionContext& context,
                       float* out) {
  const DecodeCall call{in, layer, context.rows, out};
  int64_t most = 0;
  for (const AttentionContext::Row& row : context.rows)
    most = std::max(most, key_parts(row.prompt_length) + key_parts(row.length + 1));
  if (most > kPartsTogether) return decode_by_parts(call);
  const std::vector<SamePromptRows> together = same_prompt_rows(context.rows);
  parallel_chunks(static_cast<int64_t>(together.size()) * in.kv_heads, [&](int64_t chunk) {
    const SamePromptRows& rows = together[static_cast<size_t>(chunk / in.kv_heads)];
    const int64_t kv = chunk % in.kv_heads;
    static thread_local std::vector<ContinuingRow> some;
    some.clear();
    for (size_t r = rows.first; r < rows.last; ++r) {
      put_own(call, r, kv);
      some.push_back(continuing(call, r, kv));
    }
    attention_decode(some, in.heads / in.kv_heads, in.width, in.scores,
                     prompt_of(call, rows.first, kv));
  });
}

// Long rows: each part of their keys by itself, then what the parts of a row gave, together.
void HostCache::decode_by_parts(const DecodeCall& call) {
  const AttentionRows& in = call.in;
  const int64_t group = in.heads / in.kv_heads, floats = floats_of_part(group, in.width),
                distance = in.kv_heads * floats;  // from a row's part to its next
  std::vector<int64_t> begin = {0};               // of each row's parts, among all
  std::vector<PromptPart> prompt_parts;
  std::vector<OwnPart> own_parts;
  for (const SamePromptRows& rows : same_prompt_rows(call.rows)) {
    const int64_t before = key_parts(call.rows[rows.first].prompt_length);
    for (int64_t part = 0; part < before; ++part) prompt_parts.push_back({rows, part});
    for (size_t r = rows.first; r < rows.last; ++r) {
      const int64_t own = key_parts(call.rows[r].length + 1);
      for (int64_t part = 0; part < own; ++part) own_parts.push_back({r, before, part});
      begin.push_back(begin.back() + before + own);
    }
  }
  static thread_local Scratch scratch;
  float* const results = scratch.take(begin.back() * distance);
  const auto result = [&](size_t r, int64_t part, int64_t kv) {
    return results + (begin[r] + part) * distance + kv * floats;
  };
  const auto first_own = static_cast<int64_t>(prompt_parts.size());
  parallel_chunks(
      (first_own + static_cast<int64_t>(own_parts.size())) * in.kv_heads, [&](int64_t chunk) {
        const int64_t piece = chunk / in.kv_heads, kv = chunk % in.kv_heads;
        if (piece >= first_own) {
          const auto [r, before, part] = own_parts[static_cast<size_t>(piece - first_own)];
          if (part == call.rows[r].length / kKeyTile) put_own(call, r, kv);
          const ContinuingRow row = continuing(call, r, kv);
          const PartRow one{row.q, row.first_key - call.rows[r].prompt_length,
                            result(r, before + part, kv)};
          return decode_part({&one, 1}, group, in.width, in.scores, row.own, part);
        }
        const auto [rows, part] = prompt_parts[static_cast<size_t>(piece)];
        static thread_local std::vector<PartRow> some;
        some.clear();
        for (size_t r = rows.first; r < rows.last; ++r)
          some.push_back(
              {continuing(call, r, kv).q, continuing(call, r, kv).first_key, result(r, part, kv)});
        decode_part(some, group, in.width, in.scores, prompt_of(call, rows.first, kv), part);
      });
  const int64_t joins = static_cast<int64_t>(call.rows.size()) * in.kv_heads,
                together = kValuesPerChunk * joins / (begin.back() * distance);
  parallel_ranges(joins, together, [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i) {
      const auto r = static_cast<size_t>(i / in.kv_heads);
      const int64_t kv = i % in.kv_heads;
      join_parts(result(r, 0, kv), distance, begin[r + 1] - begin[r], group, in.width, in.scores,
                 continuing(call, r, kv).out);
    }
  });
}

}  // namespace slipway
