// Cutting runs into blocks.
#include "kernels/attention_tables.h"

#include <algorithm>

namespace slipway {
namespace {

int32_t narrow(int64_t n) { return static_cast<int32_t>(n); }

}  // namespace

AttentionTables attention_tables(const std::vector<PrefixTree>& trees, int64_t tile) {
  AttentionTables out;
  for (const PrefixTree& tree : trees)
    for (size_t s = 0; s < tree.runs.size(); ++s) {
      const TokenRun& own = tree.runs[s];
      if (own.length == 0) continue;
      const TokenRun prefix = s == 0 ? TokenRun{own.begin, 0} : tree.runs[0];
      const int32_t first_run = narrow(static_cast<int64_t>(out.runs.size()));
      out.runs.push_back({narrow(own.begin), narrow(own.begin + own.length), 1});
      for (size_t other = 1; s == 0 && other < tree.runs.size(); ++other)
        if (const TokenRun& answer = tree.runs[other]; answer.length > 0)
          out.runs.push_back({narrow(answer.begin), narrow(answer.begin + answer.length), 0});
      const int32_t runs = narrow(static_cast<int64_t>(out.runs.size())) - first_run;
      for (int64_t at = 0; at < own.length; at += tile) {
        const int32_t token = narrow(own.begin + at),
                      count = narrow(std::min(tile, own.length - at));
        out.queries.push_back(
            {token, count, narrow(own.begin), narrow(prefix.begin), narrow(prefix.length)});
        out.keys.push_back({token, count, first_run, runs});
      }
    }
  const auto seen = [](const QueryBlock& b) { return b.prefix_length + b.query - b.own; };
  std::ranges::stable_sort(
      out.queries, [&](const QueryBlock& a, const QueryBlock& b) { return seen(a) > seen(b); });
  const auto queries = [&](const KeyBlock& b) {
    int64_t count = 0;
    for (int32_t r = b.first_run; r < b.first_run + b.runs; ++r) {
      const QueryRun& run = out.runs[static_cast<size_t>(r)];
      count += run.end - (run.causal != 0 ? b.key : run.begin);
    }
    return count;
  };
  std::ranges::stable_sort(
      out.keys, [&](const KeyBlock& a, const KeyBlock& b) { return queries(a) > queries(b); });
  return out;
}

}  // namespace slipway
