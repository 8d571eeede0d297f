// What the program does when, for ui.perfetto.dev: scopes and counters by thread, gathered in
// memory and written as one JSON trace when tracing ends. Off, which is how it starts, a scope
// costs one relaxed load and a branch.
#pragma once
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/files.h"

namespace slipway {

namespace trace_detail {
inline std::atomic<bool> on{false};
int64_t now();  // nanoseconds of the steady clock, never 0
}  // namespace trace_detail

inline bool tracing() { return trace_detail::on.load(std::memory_order_relaxed); }

inline constexpr size_t kMostTraceEvents = 2'000'000;  // 112 MB of memory, about 250 MB of JSON

// Begins a trace that will be written to `path`. At most `limit` events are kept; those after are
// counted and dropped. Throws Error when a trace is under way or `path` cannot be written. [main]
void trace_start(const fs::path& path, size_t limit = kMostTraceEvents);

// Ends the trace and replaces `path` durably; warns when events were dropped. Scopes that are still
// open are not in it. Nothing when no trace is under way. Throws Error when the file cannot be
// written. [main]
void trace_stop();

// A curve under the scopes: `name` has this value from now on. A value that is no finite number is
// left out. [any thread]
void trace_counter(const char* name, double value);

// What this thread is called in traces, now and later. A literal. [any thread]
void trace_thread_name(const char* name);

// A copy of `text` that outlives every trace: equal texts, equal pointers. [any thread]
const char* trace_name(std::string_view text);

// Who a scope belongs to: shown before the scope's name, and copied, so it may die before the
// trace.
struct TraceOwner {
  const char* id;
};

// The time from here to the end of the block. `category`, `name` and `argument` are literals, or
// outlive the trace (trace_name()). Scopes of one thread nest. [any thread]
class TraceScope {
 public:
  explicit TraceScope(const char* category, const char* name)
      : TraceScope(category, name, nullptr, 0) {}
  // With one number that the viewer shows beside it: TraceScope("decode", "step", "rows", 128).
  TraceScope(const char* category, const char* name, const char* argument, int64_t value)
      : category_(category), name_(name), argument_(argument), value_(value) {
    if (tracing()) [[unlikely]]
      begin_ = trace_detail::now();
  }
  TraceScope(TraceOwner owner, const char* category, const char* name)
      : category_(category), name_(name) {
    if (tracing()) [[unlikely]]
      begin_owned(owner.id);
  }
  ~TraceScope() {
    if (begin_ != 0) [[unlikely]]
      end();
  }
  TraceScope(const TraceScope&) = delete;
  TraceScope& operator=(const TraceScope&) = delete;

 private:
  void begin_owned(const char* owner);
  void end();

  const char *category_, *name_, *owner_ = nullptr, *argument_ = nullptr;
  int64_t value_ = 0, begin_ = 0;
};

}  // namespace slipway
