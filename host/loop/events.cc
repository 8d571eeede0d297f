// Delivering events.
#include "loop/events.h"

#include <algorithm>
#include <limits>

#include "record/callback_states.h"

namespace slipway {
namespace {

slw_state view_of(const TrainerState& s) {
  slw_state v{};
  v.struct_size = sizeof v;
  if (!s.trial_name.empty()) v.flags |= SLW_STATE_SEARCHING;
  v.epoch = s.epoch;
  v.total_flos = s.total_flos;
  v.global_step = s.global_step;
  v.max_steps = s.max_steps;
  v.num_input_tokens_seen = s.num_input_tokens_seen;
  v.best_global_step = s.best_global_step;
  v.num_train_epochs = static_cast<int32_t>(
      std::min<int64_t>(s.num_train_epochs, std::numeric_limits<int32_t>::max()));
  v.logging_steps = static_cast<int32_t>(s.logging_steps);
  v.eval_steps = static_cast<int32_t>(s.eval_steps);
  v.save_steps = static_cast<int32_t>(s.save_steps);
  v.train_batch_size = static_cast<int32_t>(s.train_batch_size);
  v.best_metric = s.best_metric.value_or(std::numeric_limits<double>::quiet_NaN());
  v.best_model_checkpoint =
      s.best_model_checkpoint.empty() ? nullptr : s.best_model_checkpoint.c_str();
  v.trial_name = s.trial_name.empty() ? nullptr : s.trial_name.c_str();
  return v;
}

}  // namespace

Events::Events(std::vector<CallbackPlugin> callbacks, const TrainerState& state,
               TrainAccess& access, PhaseClock* clock)
    : callbacks_(std::move(callbacks)), state_(state), access_(access), clock_(clock) {
  for (const CallbackPlugin& callback : callbacks_) mask_ |= callback.events();
  mask_anywhere_ = mask_;
  std::ranges::stable_sort(callbacks_, {}, &CallbackPlugin::order);
}

void Events::share(RankGroup& ranks, int64_t local_rank) {
  ranks_ = &ranks;
  local_rank_ = local_rank;
  mask_anywhere_ = ranks.bits_of_any(mask_, "which events callbacks hear");
}

uint32_t Events::agree() {
  if (mask_anywhere_ != 0)
    control_ = static_cast<uint32_t>(ranks_->bits_of_any(control_, "what callbacks ask for"));
  return control_;
}

uint32_t Events::answered_by(slw_event_type type) {
  switch (type) {
    case SLW_ON_TRAIN_BEGIN:
      return SLW_STOP_TRAINING;
    case SLW_ON_EPOCH_BEGIN:
      return SLW_STOP_EPOCH;
    case SLW_ON_STEP_BEGIN:
      return SLW_DO_LOG | SLW_DO_EVALUATE | SLW_DO_SAVE;
    case SLW_ON_LOG:
      return SLW_DO_LOG;
    case SLW_ON_EVALUATE:
      return SLW_DO_EVALUATE;
    case SLW_ON_SAVE:
      return SLW_DO_SAVE;
    default:
      return 0;
  }
}

void Events::prepare_for(slw_event_type type) {
  switch (type) {
    case SLW_ON_SUBSTEP_END:
    case SLW_ON_GENERATE_END:
    case SLW_ON_PREDICTION_STEP:
      return;
    case SLW_ON_STEP_BEGIN:
      prepare(SLW_ON_SUBSTEP_END);
      break;
    case SLW_ON_GENERATE_BEGIN:
      prepare(SLW_ON_GENERATE_END);
      break;
    default:
      break;
  }
  prepare(type);
}

void Events::deliver(slw_event_type type, const EventDetails& details, uint32_t due) {
  const PhaseScope phase(clock_ != nullptr && clock_->training() ? clock_ : nullptr,
                         Phase::kCallbacks);
  slw_state state = view_of(state_);
  if (local_rank_ == 0) state.flags |= SLW_STATE_LOCAL_ZERO;
  if (ranks_->leads()) state.flags |= SLW_STATE_WORLD_ZERO;
  if (trial_params_ == nullptr && state_.trial_params.is_object()) {
    trial_params_ = std::make_unique<OptionTree>();
    trial_params_->set(value_of(state_.trial_params));
  }
  state.trial_params = trial_params_ == nullptr ? nullptr : trial_params_->root();
  std::vector<slw_metric> metrics;
  for (const auto& [name, value] : details.metrics) metrics.push_back({name.c_str(), value});
  slw_event event{};
  event.struct_size = sizeof event;
  event.type = type;
  event.state = &state;
  event.metrics = metrics.data();
  event.metric_count = metrics.size();
  event.path = details.path.empty() ? nullptr : details.path.c_str();
  event.learning_rate = details.learning_rate;
  event.grad_norm = details.grad_norm;
  event.loss = details.loss;
  bool host_spoke = false;
  struct Delivering {
    TrainAccess& access;
    ~Delivering() { access.event = -1; }
  } const delivering{access_};
  access_.event = type;
  access_.thread = std::this_thread::get_id();
  for (const CallbackPlugin& callback : callbacks_) {
    if (!host_spoke && callback.order() >= 0) {
      control_ |= due;
      host_spoke = true;
    }
    if ((callback.events() >> type & 1) != 0) callback.on_event(event, control_);
  }
  if (access_.end_event) access_.end_event();
  if (!host_spoke) control_ |= due;
}

Json Events::save() const { return callback_states(callbacks_, control_); }

void Events::load(const Json& states) const { restore_callback_states(callbacks_, states); }

}  // namespace slipway
