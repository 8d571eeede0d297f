// The watch.
#include "plugin/call_watch.h"

#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/log.h"
#include "plugin/services.h"

namespace slipway {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kFirstSeconds = 10;

struct Seen {
  uint64_t number = 0;
  Clock::time_point since;
  int next_seconds = kFirstSeconds;
};

struct Watch {
  std::mutex mutex;
  std::condition_variable changed;
  bool ending = false;
  int watchers = 0;
  std::thread thread;
  std::map<const PluginCall*, Seen> seen;
};

Watch& watch() {
  static Watch* const kWatch = new Watch;  // outlives whoever ends last
  return *kWatch;
}

// What there is to say now, gathered while the list of calls is locked and said after that.
std::vector<std::string> late_calls(std::map<const PluginCall*, Seen>& seen) {
  std::vector<std::string> out;
  for_each_plugin_call([&](const PluginCall& call) {
    const char *plugin = call.plugin.load(), *function = call.function.load();
    Seen& known = seen[&call];
    const uint64_t number = call.number.load();
    if (plugin == nullptr || function == nullptr || known.number != number) {
      known = {number, Clock::now()};
      return;
    }
    const auto seconds =
        std::chrono::duration_cast<std::chrono::seconds>(Clock::now() - known.since).count();
    if (seconds < known.next_seconds) return;
    known.next_seconds *= 2;
    out.push_back(fmt::format("waiting for plugin {}, {}(), {} s{}", plugin, function, seconds,
                              stop_requested() ? "; signal again to end now" : ""));
  });
  return out;
}

void look(Watch& w) {
  std::unique_lock lock(w.mutex);
  while (!w.changed.wait_for(lock, std::chrono::seconds(1), [&] { return w.ending; }))
    for (const std::string& text : late_calls(w.seen)) log_warn("{}", text);
}

}  // namespace

CallWatch::CallWatch() {
  Watch& w = watch();
  const std::lock_guard lock(w.mutex);
  watches_ = w.watchers++ == 0;
  if (!watches_) return;
  w.ending = false;
  w.seen.clear();
  w.thread = std::thread([&w] { look(w); });
}

CallWatch::~CallWatch() {
  Watch& w = watch();
  std::thread ended;
  {
    const std::lock_guard lock(w.mutex);
    --w.watchers;
    if (!watches_) return;
    w.ending = true;
    ended = std::move(w.thread);
  }
  w.changed.notify_all();
  ended.join();
}

}  // namespace slipway
