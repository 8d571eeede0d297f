// The loop's events and the callbacks that hear them. An event that nobody wants costs one test of
// a bit.
#pragma once
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "dist/rank_group.h"
#include "loop/phase.h"
#include "plugin/callback.h"
#include "plugin/options.h"
#include "plugin/train_access.h"
#include "record/state.h"

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
  // Callbacks run by order(), equals as they were configured. `state`, `access` and `clock` outlive
  // this; what callbacks take of training's time is counted on `clock`.
  Events(std::vector<CallbackPlugin> callbacks, const TrainerState& state, TrainAccess& access,
         PhaseClock* clock = nullptr);

  // Training is shared with other ranks, whose callbacks hear the same events. Every rank calls it,
  // before agree(). [loop]
  void share(RankGroup& ranks, int64_t local_rank);
  // What is asked for on at least one rank is asked for on all from here on; returns control().
  // Every rank comes here at the same place. Nothing is exchanged where no rank has callbacks.
  uint32_t agree();
  // Whether a callback of any rank wants it.
  bool wanted_anywhere(slw_event_type type) const { return (mask_anywhere_ >> type & 1) != 0; }

  // Called before an event that a callback of any rank hears, unless it is empty: on every rank at
  // the same places. What one rank may tell more often than another, or not at all, is prepared
  // before: micro-batches with the step's begin, the end of generating with its begin, an
  // evaluation's batches by prepare(). [loop]
  std::function<void()> before_delivery;
  void prepare(slw_event_type type) {
    if (before_delivery && wanted_anywhere(type)) before_delivery();
  }

  // What callbacks asked of the step under way through the train service, and a clean sheet for the
  // next.
  TrainAccess::Step take_step_requests() { return std::exchange(access_.step, {}); }

  bool wanted(slw_event_type type) const { return (mask_ >> type & 1) != 0; }
  // What is asked for now: SLW_STOP_TRAINING, SLW_DO_SAVE ... As with the Hugging Face Trainer a
  // request stands until it is answered: evaluate, save and log take back their own as they are
  // told, step_begin takes back those three, epoch_begin SLW_STOP_EPOCH and train_begin
  // SLW_STOP_TRAINING. [loop]
  uint32_t control() const { return control_; }
  void ask(uint32_t bits, bool on) { control_ = on ? control_ | bits : control_ & ~bits; }

  // Tells every callback that wants the event; they may change the control, to which the host's own
  // flow adds `due`. Those of negative order see it before the host's flow has spoken. Returns
  // control(). Throws Error. [loop]
  uint32_t emit(slw_event_type type, const EventDetails& details = {}, uint32_t due = 0) {
    control_ &= ~answered_by(type);
    if (before_delivery) prepare_for(type);
    if (wanted(type)) deliver(type, details, due);
    else control_ |= due;
    return control_;
  }
  // The same, where the place in the loop decides nothing. [loop]
  void tell(slw_event_type type, const EventDetails& details = {}) { emit(type, details); }

  // States of the callbacks and the control, as trainer_state.json has them, and back: {name:
  // {"args": {}, "attributes": {}}}, a list of these for several of one name
  // (record/callback_states.h). Throws Error on a state that is damaged; one whose callback is not
  // there is passed over, and the control is not taken back: it begins anew with every training.
  Json save() const;
  void load(const Json& states) const;

 private:
  static uint32_t answered_by(slw_event_type type);
  void prepare_for(slw_event_type type);
  void deliver(slw_event_type type, const EventDetails& details, uint32_t due);

  std::vector<CallbackPlugin> callbacks_;
  // state_.trial_params for plugins; made when it is first told
  std::unique_ptr<OptionTree> trial_params_;
  const TrainerState& state_;
  TrainAccess& access_;
  PhaseClock* clock_;
  uint64_t mask_ = 0, mask_anywhere_ = 0;  // of this rank; of all
  RankGroup* ranks_ = &RankGroup::alone();
  int64_t local_rank_ = 0;
  uint32_t control_ = 0;
};

}  // namespace slipway
