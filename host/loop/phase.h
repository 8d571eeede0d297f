// Where a run's time goes. At every moment the loop's thread is in one phase, the innermost one
// that is open; a phase inside another is taken out of it, so that the phases' times add up to the
// time that has passed.
#pragma once
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "base/trace.h"

namespace slipway {

enum class Phase : uint8_t {
  kOther,
  kGenerate,
  kScore,
  kSelect,
  kTrain,
  kForwardBackward,
  kOptimizer,
  kCallbacks,
  kEvaluate,
  kSave
};
inline constexpr size_t kPhases = 10;

// A literal: "generate", "forward_backward", ...
const char* phase_name(Phase phase);

class PhaseClock {
 public:
  using Seconds = std::array<double, kPhases>;

  // Counts the time since the last change for the phase that was; `phase` is what is going on from
  // here. Returns the one that was. One clock read. [loop]
  Phase enter(Phase phase);
  Phase current() const { return current_; }
  bool training() const { return current_ >= Phase::kTrain && current_ <= Phase::kCallbacks; }
  // Of each phase, until now. [loop]
  Seconds seconds();

 private:
  using Clock = std::chrono::steady_clock;
  Phase current_ = Phase::kOther;
  Clock::time_point since_ = Clock::now();
  std::array<Clock::duration, kPhases> spent_{};
};

// The phase of a block, also in the trace. `clock` may be null: then in the trace alone. [loop]
class PhaseScope {
 public:
  PhaseScope(PhaseClock* clock, Phase phase) : trace_("phase", phase_name(phase)), clock_(clock) {
    if (clock_ != nullptr) outer_ = clock_->enter(phase);
  }
  ~PhaseScope() {
    if (clock_ != nullptr) clock_->enter(outer_);
  }
  PhaseScope(const PhaseScope&) = delete;
  PhaseScope& operator=(const PhaseScope&) = delete;

 private:
  TraceScope trace_;
  PhaseClock* clock_;
  Phase outer_ = Phase::kOther;
};

}  // namespace slipway
