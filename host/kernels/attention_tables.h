// A packed batch cut into blocks for attention kernels (attention_plan.h).
#pragma once
#include <vector>

#include "kernels/attention_plan.h"
#include "kernels/cpu/attention_kernel.h"

namespace slipway {

struct AttentionTables {
  std::vector<QueryBlock> queries;
  std::vector<KeyBlock> keys;
  std::vector<QueryRun> runs;
};

// Blocks of at most `tile` tokens; those with the most work come first, so that the last to end are
// short.
AttentionTables attention_tables(const std::vector<PrefixTree>& trees, int64_t tile);

}  // namespace slipway
