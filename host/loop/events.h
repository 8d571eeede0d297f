// The loop's events and the callbacks that hear them. An event that nobody wants costs one test of a bit.
#pragma once
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "loop/phase.h"
#include "loop/state.h"
#include "plugin/callback.h"
#include "plugin/train_access.h"

namespace slipway {

struct EventDetails {
  std::vector<std::pair<std::string, double>> metrics;
  std::string path;
  double learning_rate = std::numeric_limits<double>::quiet_NaN();
  double grad_norm = std::numeric_limits<double>::quiet_NaN();
  double loss = std::numeric_limits<double>::quiet_NaN();
};

class Events {
 public:
  // Callbacks run by order(), equals as they were configured. `state`, `access` and `clock` outlive this; what callbacks take
  // of training's time is counted on `clock`.
  Events(std::vector<CallbackPlugin> callbacks, const TrainerState& state, TrainAccess& access, PhaseClock* clock = nullptr);

  // What callbacks asked for the step under way, and a clean sheet for the next.
  TrainAccess::Step take_step_requests() { return std::exchange(access_.step, {}); }

  bool wanted(slw_event_type type) const { return (mask_ >> type & 1) != 0; }
  // Tells every callback that wants the event. Returns `control` (SLW_STOP_TRAINING ...: what the host's own flow asks for)
  // as they changed it; those of negative order see it before the host's flow has spoken. Throws Error. [loop]
  uint32_t emit(slw_event_type type, const EventDetails& details = {}, uint32_t control = 0) {
    return wanted(type) ? deliver(type, details, control) : control;
  }

  // An event whose place in the loop decides nothing: what callbacks ask for there waits for take_asked(). [loop]
  void tell(slw_event_type type, const EventDetails& details = {}) { asked_ |= emit(type, details); }
  uint32_t take_asked() { return std::exchange(asked_, 0); }

  // States of the callbacks, for checkpoints, and back: hexadecimal text by id, from an id's second callback on by "id#2",
  // "id#3", ... Throws Error on a state that is damaged; one whose callback is not there is passed over.
  Json save() const;
  void load(const Json& states) const;

 private:
  std::vector<std::string> keys() const;
  uint32_t deliver(slw_event_type type, const EventDetails& details, uint32_t control);

  std::vector<CallbackPlugin> callbacks_;
  const TrainerState& state_;
  TrainAccess& access_;
  PhaseClock* clock_;
  uint64_t mask_ = 0;
  uint32_t asked_ = 0;
};

}  // namespace slipway
