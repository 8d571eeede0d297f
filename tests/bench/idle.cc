// A callback that hears one event and does nothing: what is left of a call into a plugin is the way
// there and back.
#include "slipway/plugin.hpp"

struct Idle : slipway::Callback<Idle> {
  static constexpr auto id = "org.test.idle", name = "Idle", version = "1.0.0",
                        license = "Apache-2.0", help = "Does nothing.";
  static constexpr const slw_option* options[] = {nullptr};
  static constexpr uint64_t events = uint64_t{1} << SLW_ON_STEP_END;

  Idle(const slw_host*, slipway::Config) {}
  void on_event(const slw_event&, uint32_t&) {}
};

SLW_EXPORT_CALLBACK(Idle);
