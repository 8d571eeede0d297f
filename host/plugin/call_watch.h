// Calls into plugins that take long: whoever waits is told what for.
#pragma once
#include <functional>

#include "plugin/trampoline.h"

namespace slipway {

// Calls `body` with what each thread that ever called a plugin is doing. Threads may go on
// meanwhile. [any]
void for_each_plugin_call(const std::function<void(const PluginCall&)>& body);

// While it lives a thread looks once a second, and says of a call that has lasted ten seconds, then
// twice as long, and so on: "waiting for plugin org.x, score(), 12 s". One is enough; a second does
// nothing.
class CallWatch {
 public:
  CallWatch();
  ~CallWatch();
  CallWatch(const CallWatch&) = delete;
  CallWatch& operator=(const CallWatch&) = delete;

 private:
  bool watches_;
};

}  // namespace slipway
