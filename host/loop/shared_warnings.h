// The warnings with which the ranks of a run start.
#pragma once
#include "dist/rank_group.h"

namespace slipway {

// The ranks have started: each says of the warnings that it kept (base/log.h) those that the first
// has not said. Every rank comes here. [loop]
void settle_warnings_of(RankGroup& ranks);

}  // namespace slipway
