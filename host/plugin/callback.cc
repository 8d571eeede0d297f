// Events across the boundary.
#include "plugin/callback.h"

#include "base/error.h"
#include "plugin/streams.h"
#include "plugin/trampoline.h"

namespace slipway {

CallbackPlugin::CallbackPlugin(Plugin plugin)
    : plugin_(std::move(plugin)), table_(plugin_.interface<slw_callback>(SLW_CALLBACK)) {
  if (!SLW_HAS(table_, on_event))
    fail("plugin {} offers {} without on_event()", id(), SLW_CALLBACK);
}

namespace {

// Events that come with every step.
constexpr uint64_t kOften = uint64_t{1} << SLW_ON_STEP_BEGIN | uint64_t{1} << SLW_ON_SUBSTEP_END |
                            uint64_t{1} << SLW_ON_PRE_OPTIMIZER_STEP |
                            uint64_t{1} << SLW_ON_OPTIMIZER_STEP | uint64_t{1} << SLW_ON_STEP_END |
                            uint64_t{1} << SLW_ON_PREDICTION_STEP;

}  // namespace

void CallbackPlugin::on_event(const slw_event& event, uint32_t& control) const {
  const auto body = [&](slw_error* error) {
    return table_->on_event(plugin_.get(), &event, &control, error);
  };
  try {
    if ((kOften >> event.type & 1) != 0) call_plugin(id(), "on_event", body);
    else call_plugin_at_length(id(), "on_event", body);
  } catch (const Cancelled&) {
    // It left early, and its event is over: the loop stops, and saves, where it does so for a
    // signal.
  }
}

std::string CallbackPlugin::save() const {
  if (!SLW_HAS(table_, save)) return "";
  std::string out;
  slw_ostream stream = stream_into(out);
  call_plugin_at_length(
      id(), "save", [&](slw_error* error) { return table_->save(plugin_.get(), &stream, error); });
  return out;
}

void CallbackPlugin::load(std::string_view state) const {
  if (!SLW_HAS(table_, load)) return;
  slw_istream stream = stream_from(state);
  call_plugin_at_length(
      id(), "load", [&](slw_error* error) { return table_->load(plugin_.get(), &stream, error); });
}

}  // namespace slipway
