// A callback plugin as the loop calls it.
#pragma once
#include <string>
#include <string_view>

#include "plugin/registry.h"
#include "slipway/callback.h"

namespace slipway {

class CallbackPlugin {
 public:
  explicit CallbackPlugin(Plugin plugin);  // throws Error when it offers no callback

  const char* id() const { return plugin_.id(); }
  int32_t order() const { return table_->order; }
  uint64_t events() const { return table_->events; }  // bit (1 << type) for each wanted

  // Hands the event over; the plugin may set and clear bits of `control`. Throws Error when it
  // fails. [loop]
  void on_event(const slw_event& event, uint32_t& control) const;

  // The plugin's own state, kept in checkpoints; "" when it keeps none. Throws Error.
  std::string save() const;
  void load(std::string_view state) const;

 private:
  Plugin plugin_;
  const slw_callback* table_;
};

}  // namespace slipway
