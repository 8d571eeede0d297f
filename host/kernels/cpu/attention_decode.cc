// Attention of decoding rows to cached runs, and where runs come from.
#include <algorithm>
#include <limits>
#include <vector>

#include "compute/scratch.h"
#include "kernels/cpu/attention_kernel.h"
#include "kernels/cpu/attention_rows.h"

namespace slipway {

void cache_position(const float* k, const float* v, int64_t width, int64_t position,
                    int64_t capacity, float* run_k, float* run_v) {
  const int64_t w = gemm::panel_width();
  float* column = run_k + position / w * w * width + position % w;
  for (int64_t i = 0; i < width; ++i) column[i * w] = k[i];
  for (int64_t i = 0; i < width; i += w)
    std::copy_n(v + i, std::min(w, width - i), run_v + i / w * w * capacity + position * w);
}

namespace {

// What a part gives a row that sees none of its keys.
void see_nothing(int64_t group, int64_t width, float* result) {
  std::fill_n(result, group, -std::numeric_limits<float>::infinity());
  std::fill_n(result + group, group * (1 + width), 0.0f);
}

}  // namespace

// A result is largest [group], sum [group], values [group, width].
void decode_part(std::span<const PartRow> rows, int64_t group, int64_t width, const ScoreRule& rule,
                 const CachedRun& run, int64_t part) {
  // Scores are written in whole vectors: what hangs over is written over, or left behind.
  constexpr int64_t kRow = kKeyTile + 16;
  static thread_local Scratch scratch;
  const int64_t w = gemm::panel_width(), lanes = gemm::lanes(), first = part * kKeyTile,
                keys = std::min(kKeyTile, run.length - first),
                whole = (keys + lanes - 1) / lanes * lanes, each = group * width,
                queries = static_cast<int64_t>(rows.size()) * group;
  if (std::ranges::all_of(rows, [&](const PartRow& r) { return r.first_key >= first + keys; })) {
    for (const PartRow& row : rows) see_nothing(group, width, row.result);
    return;
  }
  float *const scores = scratch.take(queries * (kRow + 2 * width)),
               *const q = scores + queries * kRow, *const values = q + queries * width;
  for (size_t r = 0; r < rows.size(); ++r)
    std::copy_n(rows[r].q, each, q + static_cast<int64_t>(r) * each);
  gemm::multiply({q, width, 1}, queries, width, {run.k + first * width, w * width}, whole, 0,
                 gemm::panels(whole), scores, kRow, false);
  if (rule.softcap > 0) kernels::cap_scores(scores, kRow, queries, whole, rule);
  for (size_t r = 0; r < rows.size(); ++r)
    for (int64_t h = 0; h < group; ++h)
      kernels::softmax_tile(scores + (static_cast<int64_t>(r) * group + h) * kRow, kRow, 1, keys,
                            keys, rows[r].first_key - first, rule.after_cap(), rows[r].result + h,
                            rows[r].result + group + h, nullptr, width);
  gemm::multiply({scores, kRow, 1}, queries, keys, {run.v + first * w, w * run.capacity}, width, 0,
                 gemm::panels(width), values, width, false);
  for (size_t r = 0; r < rows.size(); ++r)
    std::copy_n(values + static_cast<int64_t>(r) * each, each, rows[r].result + 2 * group);
}

void join_parts(const float* results, int64_t distance, int64_t parts, int64_t group, int64_t width,
                const ScoreRule& rule, float* out) {
  for (int64_t h = 0; h < group; ++h)
    kernels::softmax_join(results + h, results + group + h, results + 2 * group + h * width,
                          distance, parts, rule.after_cap(), width, out + h * width);
}

void attention_decode(std::span<const ContinuingRow> rows, int64_t group, int64_t width,
                      const ScoreRule& rule, const CachedRun& prompt) {
  static thread_local Scratch scratch;
  static thread_local std::vector<PartRow> all;
  all.clear();
  int64_t own = 0;
  for (const ContinuingRow& row : rows) own = std::max(own, key_parts(row.own.length));
  const int64_t before = key_parts(prompt.length), floats = floats_of_part(group, width);
  float* results = scratch.take(static_cast<int64_t>(rows.size()) * (before + own) * floats);
  for (const ContinuingRow& row : rows) {
    all.push_back({row.q, row.first_key, results});
    results += (before + own) * floats;
  }
  for (int64_t part = 0; part < before; ++part) {
    decode_part(all, group, width, rule, prompt, part);
    for (PartRow& row : all) row.result += floats;
  }
  for (size_t r = 0; r < rows.size(); ++r) {
    const int64_t parts = key_parts(rows[r].own.length);
    all[r].first_key -= prompt.length;
    for (int64_t part = 0; part < parts; ++part, all[r].result += floats)
      decode_part({&all[r], 1}, group, width, rule, rows[r].own, part);
    join_parts(all[r].result - (before + parts) * floats, floats, before + parts, group, width,
               rule, rows[r].out);
  }
}

}  // namespace slipway
