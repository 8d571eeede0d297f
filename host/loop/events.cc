// Delivering events.
#include "loop/events.h"

#include <algorithm>

#include "base/error.h"

namespace slipway {
namespace {

std::string hex(const std::string& bytes) {
  std::string out;
  for (const char c : bytes) out += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return out;
}

std::string unhex(const Json& state, const std::string& key) {
  const std::string text = state.is_string() ? state.get<std::string>() : "?";
  if (text.size() % 2 != 0 || text.find_first_not_of("0123456789abcdef") != std::string::npos)
    fail("the state of callback {} is damaged in the checkpoint: it is not hexadecimal text", key);
  std::string out;
  for (size_t i = 0; i < text.size(); i += 2) out += static_cast<char>(std::stoi(text.substr(i, 2), nullptr, 16));
  return out;
}

slw_state view_of(const TrainerState& s) {
  slw_state v{};
  v.struct_size = sizeof v;
  v.flags = SLW_STATE_LOCAL_ZERO | SLW_STATE_WORLD_ZERO;
  if (!s.trial_name.empty()) v.flags |= SLW_STATE_SEARCHING;
  v.epoch = s.epoch;
  v.total_flos = s.total_flos;
  v.global_step = s.global_step;
  v.max_steps = s.max_steps;
  v.num_input_tokens_seen = s.num_input_tokens_seen;
  v.best_global_step = s.best_global_step;
  v.num_train_epochs = static_cast<int32_t>(std::ceil(s.num_train_epochs));
  v.logging_steps = static_cast<int32_t>(s.logging_steps);
  v.eval_steps = static_cast<int32_t>(s.eval_steps);
  v.save_steps = static_cast<int32_t>(s.save_steps);
  v.train_batch_size = static_cast<int32_t>(s.train_batch_size);
  v.best_metric = s.best_metric.value_or(std::numeric_limits<double>::quiet_NaN());
  v.best_model_checkpoint = s.best_model_checkpoint.empty() ? nullptr : s.best_model_checkpoint.c_str();
  v.trial_name = s.trial_name.empty() ? nullptr : s.trial_name.c_str();
  return v;
}

}  // namespace

Events::Events(std::vector<CallbackPlugin> callbacks, const TrainerState& state, TrainAccess& access, PhaseClock* clock)
    : callbacks_(std::move(callbacks)), state_(state), access_(access), clock_(clock) {
  for (const CallbackPlugin& callback : callbacks_) mask_ |= callback.events();
  std::ranges::stable_sort(callbacks_, {}, &CallbackPlugin::order);
}

uint32_t Events::deliver(slw_event_type type, const EventDetails& details, uint32_t control) {
  const PhaseScope phase(clock_ != nullptr && clock_->training() ? clock_ : nullptr, Phase::kCallbacks);
  const slw_state state = view_of(state_);
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
  uint32_t flags = 0;
  bool host_spoke = false;
  struct Delivering {
    TrainAccess& access;
    ~Delivering() { access.event = -1; }
  } const delivering{access_};
  access_.event = type;
  access_.thread = std::this_thread::get_id();
  for (const CallbackPlugin& callback : callbacks_) {
    if (!host_spoke && callback.order() >= 0) {
      flags |= control;
      host_spoke = true;
    }
    if ((callback.events() >> type & 1) != 0) callback.on_event(event, flags);
  }
  if (access_.end_event) access_.end_event();
  return host_spoke ? flags : flags | control;
}

std::vector<std::string> Events::keys() const {
  std::vector<std::string> out;
  for (const CallbackPlugin& callback : callbacks_) {
    std::string key = callback.id();
    for (int n = 2; std::ranges::find(out, key) != out.end(); ++n) key = fmt::format("{}#{}", callback.id(), n);
    out.push_back(std::move(key));
  }
  return out;
}

Json Events::save() const {
  const std::vector<std::string> names = keys();
  Json out = Json::object();
  for (size_t i = 0; i < callbacks_.size(); ++i)
    if (const std::string state = callbacks_[i].save(); !state.empty()) out[names[i]] = hex(state);
  return out;
}

void Events::load(const Json& states) const {
  const std::vector<std::string> names = keys();
  for (size_t i = 0; i < callbacks_.size(); ++i)
    if (states.contains(names[i])) callbacks_[i].load(unhex(states[names[i]], names[i]));
}

}  // namespace slipway
