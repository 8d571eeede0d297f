// The phases' clock.
#include "loop/phase.h"

#include <utility>

namespace slipway {

const char* phase_name(Phase phase) {
  constexpr std::array<const char*, kPhases> kNames = {
      "other",     "generate",  "score",    "select", "train", "forward_backward",
      "optimizer", "callbacks", "evaluate", "save"};
  return kNames[static_cast<size_t>(phase)];
}

Phase PhaseClock::enter(Phase phase) {
  const Clock::time_point now = Clock::now();
  spent_[static_cast<size_t>(current_)] += now - std::exchange(since_, now);
  return std::exchange(current_, phase);
}

PhaseClock::Seconds PhaseClock::seconds() {
  enter(current_);
  Seconds out{};
  for (size_t i = 0; i < kPhases; ++i) out[i] = std::chrono::duration<double>(spent_[i]).count();
  return out;
}

}  // namespace slipway
