// JSON of all ranks, exact, infinite numbers and not-a-numbers too.
#pragma once
#include <vector>

#include "base/json.h"
#include "dist/rank_group.h"

namespace slipway {

// What each rank gave, by rank. Throws Error where another rank runs another program, and RankLost.
// [loop]
std::vector<Json> gathered_json(RankGroup& ranks, const Json& own, const char* what);

}  // namespace slipway
