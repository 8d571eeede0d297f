// A process of the group that does not take part any more.
#pragma once
#include "base/error.h"

namespace slipway {

// Names the rank, its host, the step and what it was doing, and for how many seconds nothing was
// heard of it. Whoever gets it ends with kExitRankLost, and waits for nobody.
struct RankLost : Error {
  using Error::Error;
};

}  // namespace slipway
