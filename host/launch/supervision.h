// The ranks from their start to their end.
#pragma once
#include "launch/launch_plan.h"

namespace slipway {

// Starts the ranks of `plan`, shows what they print, and returns once none of them is left. Takes
// SIGTERM, SIGINT, SIGHUP and SIGQUIT, which stop the ranks, and passes SIGUSR1 and SIGUSR2 on. A
// rank that fails ends all, and as often as the plan says they are started anew. Returns the exit
// code: 0, that of the rank that failed first, or kExitInterrupted where all were stopped after
// saving. Throws Error where something is not to be had that every rank needs. Once in a process
// that has one thread: signals stay as it leaves them.
int run_ranks(const LaunchPlan& plan);

}  // namespace slipway
