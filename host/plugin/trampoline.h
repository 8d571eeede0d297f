// Every call into a plugin goes through here: who is being called is noted, so that a crash or a
// hang can be blamed, and a failure comes back as an Error that names plugin and function.
#pragma once
#include <atomic>
#include <cfenv>
#include <cstdint>
#include <string>
#include <utility>

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

#include "base/error.h"
#include "base/trace.h"
#include "plugin/process_scope.h"
#include "slipway/entry.h"

namespace slipway {

// What a thread is doing inside a plugin right now; both null outside. Read by the crash handler,
// by the answer to a signal, and by the watch over calls that take long (plugin/call_watch.h), on
// any thread.
struct PluginCall {
  // known to the watch, and the thread gets a signal stack: one that recursed too deep still has
  // its last word
  PluginCall();
  ~PluginCall();
  PluginCall(const PluginCall&) = delete;
  PluginCall& operator=(const PluginCall&) = delete;

  std::atomic<const char*> plugin{nullptr}, function{nullptr};
  std::atomic<uint64_t> number{0};  // of the call, on this thread
  PluginCall* next = nullptr;       // in the list of all threads'
  void* signal_stack = nullptr;
};
extern thread_local PluginCall current_plugin_call;

std::string_view status_name(slw_status status);

// A plugin ended its work early because the run is to stop: no failure, and nothing that it
// returned counts.
struct Cancelled : Error {
  using Error::Error;
};

// "plugin org.x, score(): text (INVALID_ARGUMENT)", without control characters. Throws Error;
// Cancelled for SLW_CANCELLED where a stop was requested.
[[noreturn]] void throw_plugin_error(const char* plugin, const char* function, slw_status status,
                                     const slw_error& error);

class PluginCallScope {
 public:
  PluginCallScope(const char* plugin, const char* function)
      : call_(current_plugin_call),
        plugin_(call_.plugin.load(std::memory_order_relaxed)),
        function_(call_.function.load(std::memory_order_relaxed)),
        trace_(TraceOwner{plugin}, "plugin", function) {
    call_.number.store(call_.number.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    set(plugin, function);
  }
  ~PluginCallScope() { set(plugin_, function_); }
  PluginCallScope(const PluginCallScope&) = delete;
  PluginCallScope& operator=(const PluginCallScope&) = delete;

 private:
  void set(const char* plugin, const char* function) {
    call_.function.store(function, std::memory_order_relaxed);
    call_.plugin.store(plugin, std::memory_order_relaxed);
  }
  PluginCall& call_;
  const char *plugin_, *function_;  // a plugin may ask the host, which may call another plugin
  TraceScope trace_;
};

// The rounding of floating-point numbers, as it was before a call: a plugin that leaves another
// behind would change every weight from there on.
class RoundingScope {
 public:
  explicit RoundingScope(const char* plugin, const char* function)
      : plugin_(plugin), function_(function), before_(control()) {}
  ~RoundingScope() {
    if (control() != before_) [[unlikely]]
      restore();
  }
  RoundingScope(const RoundingScope&) = delete;
  RoundingScope& operator=(const RoundingScope&) = delete;

 private:
#if defined(__x86_64__)
  // without the flags of what has happened
  static uint32_t control() { return _mm_getcsr() & ~0x3Fu; }
#else
  static uint32_t control() { return static_cast<uint32_t>(std::fegetround()); }
#endif
  void restore() const;
  const char *plugin_, *function_;
  uint32_t before_;
};

// Does nothing, and is not known to throw nothing.
void keep_barrier();

// body(slw_error*) -> slw_status. The error's buffer is cleared lazily: only its head is written on
// the way in.
template <class Body>
void call_plugin(const char* plugin, const char* function, Body&& body) {
  slw_error error;
  error.struct_size = sizeof error;
  error.code = SLW_OK;
  error.where[0] = error.message[0] = '\0';
  slw_status status;
  {
    const PluginCallScope scope(plugin, function);
    const RoundingScope rounding(plugin, function);
    // An exception that gets out of a plugin must not pass through here: it ends the process, with
    // the plugin named. The compiler takes the plugin's functions at their word that they throw
    // nothing, and would leave the barrier out if nothing else in it could.
    status = [&]() noexcept {
      keep_barrier();
      return body(&error);
    }();
  }
  if (status != SLW_OK) [[unlikely]]
    throw_plugin_error(plugin, function, status, error);
}

// call_plugin() for calls that are few and do much (create, score, save): what they leave of the
// process is put right, too.
template <class Body>
void call_plugin_at_length(const char* plugin, const char* function, Body&& body) {
  const ProcessScope process(plugin, function);
  call_plugin(plugin, function, std::forward<Body>(body));
}

// The table of the interface that this instance offers; nullptr: it does not offer it. Lives as
// long as the instance.
const void* interface_of(slw_plugin* plugin, const char* plugin_id, const char* interface_id);

// Prints the plugin call in progress on SIGSEGV, SIGBUS, SIGFPE, SIGILL and SIGABRT, or the plugin
// whose code it happened in where no call is (a thread of a plugin's own), then dies of the same
// signal.
void install_crash_handler();

// Where the code of a plugin lies, for the crash handler. `path` lives as long as the process.
void note_plugin_code(const char* path);

// "plugin org.x, score()" of the call in progress on the calling thread; nullptr outside. The text
// is the caller's buffer. Async-signal-safe.
const char* call_in_progress(char* buffer, size_t size);

}  // namespace slipway
