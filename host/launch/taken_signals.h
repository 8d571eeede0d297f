// Signals that a launch waits for, instead of being interrupted by them.
#pragma once
#include <chrono>
#include <optional>

#include "launch/rank_process.h"

namespace slipway {

using LaunchClock = std::chrono::steady_clock;

// From its beginning to the end of the process: SIGCHLD, those that ask to end, SIGUSR1 and
// SIGUSR2, SIGTSTP and SIGWINCH wait until they are asked for. One that was ignored (nohup, &)
// stays so, and SIGPIPE is. Made while the process has one thread, used by that one.
class TakenSignals {
 public:
  TakenSignals();
  const SignalsBefore& before() const { return before_; }
  // Those that ask to end.
  const sigset_t& asking() const { return asking_; }
  // The next one, or nothing once it is `until`; without that it waits for as long as it takes.
  std::optional<int> next(std::optional<LaunchClock::time_point> until) const;

 private:
  SignalsBefore before_{};
  sigset_t taken_{}, asking_{};
};

}  // namespace slipway
