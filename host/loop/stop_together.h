// Work that each rank does by itself, and a signal may end anywhere.
#pragma once
#include <functional>

#include "dist/rank_group.h"

namespace slipway {

// Runs `work`, then waits for the other ranks' to end. Where it ended with Interrupted or Cancelled
// on one of them, all throw Interrupted, with the words of the first. Errors come out at once, and
// the other ranks hear of the loss of this one. [loop]
void stop_together(RankGroup& ranks, const std::function<void()>& work);

}  // namespace slipway
