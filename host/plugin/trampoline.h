// Every call into a plugin goes through here: who is being called is noted, so that a crash or a hang can be blamed, and a
// failure comes back as an Error that names plugin and function.
#pragma once
#include <cstdint>
#include <string>

#include "base/trace.h"
#include "slipway/abi.h"

namespace slipway {

// What this thread is doing inside a plugin right now; both null outside. Read by the crash handler.
struct PluginCall {
  const char* plugin = nullptr;
  const char* function = nullptr;
};
extern thread_local PluginCall current_plugin_call;

std::string_view status_name(slw_status status);

// "plugin org.x, score(): text (INVALID_ARGUMENT)". Throws Error; SLW_CANCELLED included.
[[noreturn]] void throw_plugin_error(const char* plugin, const char* function, slw_status status, const slw_error& error);

class PluginCallScope {
 public:
  PluginCallScope(const char* plugin, const char* function) : outer_(current_plugin_call), trace_(TraceOwner{plugin}, "plugin", function) {
    current_plugin_call = {plugin, function};
  }
  ~PluginCallScope() { current_plugin_call = outer_; }
  PluginCallScope(const PluginCallScope&) = delete;
  PluginCallScope& operator=(const PluginCallScope&) = delete;

 private:
  PluginCall outer_;  // a plugin may ask the host, which may call another plugin
  TraceScope trace_;
};

// body(slw_error*) -> slw_status. The error's buffer is cleared lazily: only its head is written on the way in.
template <class Body>
void call_plugin(const char* plugin, const char* function, Body&& body) {
  slw_error error;
  error.struct_size = sizeof error;
  error.code = SLW_OK;
  error.where[0] = error.message[0] = '\0';
  slw_status status;
  {
    const PluginCallScope scope(plugin, function);
    status = body(&error);
  }
  if (status != SLW_OK) [[unlikely]]
    throw_plugin_error(plugin, function, status, error);
}

// Prints the plugin call in progress on SIGSEGV, SIGBUS, SIGFPE, SIGILL and SIGABRT, then dies of the same signal. Overflow
// of the stack is reported for the thread that calls this.
void install_crash_handler();

}  // namespace slipway
