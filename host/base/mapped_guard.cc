// The signal handler, and what it looks up.
#include "base/mapped_guard.h"

#include <array>
#include <atomic>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <utility>

#include "base/error.h"
#include "base/signal_text.h"

namespace slipway {
namespace {

// Read by the handler without a lock: `begin` is set last and cleared first.
struct Mapping {
  std::atomic<uintptr_t> begin{0};
  uintptr_t end = 0;
  char* path = nullptr;
};
std::array<Mapping, 4096> mappings;
std::mutex changing;
struct sigaction previous;

void on_bus_error(int, siginfo_t* info, void*) {
  const auto at = reinterpret_cast<uintptr_t>(info->si_addr);
  for (const Mapping& each : mappings) {
    const uintptr_t begin = each.begin.load(std::memory_order_acquire);
    if (begin == 0 || at < begin || at >= each.end) continue;
    SignalText words;
    words.add("error: ")
        .add(each.path)
        .add(": cannot be read: it was cut short while it was being read, or its disk failed\n")
        .write();
    ::_exit(kExitFailure);
  }
  ::sigaction(SIGBUS, &previous, nullptr);  // not ours: it happens again, as it would have
  if (info->si_code <= 0) ::raise(SIGBUS);  // a process sent it
}

void install() {
  struct sigaction action{};
  action.sa_sigaction = on_bus_error;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigemptyset(&action.sa_mask);
  ::sigaction(SIGBUS, &action, &previous);
}

}  // namespace

void guard_mapping(const void* begin, size_t size, const std::string& path) {
  static std::once_flag once;
  std::call_once(once, install);
  const std::lock_guard lock(changing);
  for (Mapping& each : mappings) {
    if (each.begin.load(std::memory_order_relaxed) != 0) continue;
    const auto address = reinterpret_cast<uintptr_t>(begin);
    each.end = address + size;
    each.path = ::strdup(path.c_str());
    if (each.path != nullptr) each.begin.store(address, std::memory_order_release);
    return;
  }
}

void unguard_mapping(const void* begin) {
  const std::lock_guard lock(changing);
  for (Mapping& each : mappings) {
    if (each.begin.load(std::memory_order_relaxed) != reinterpret_cast<uintptr_t>(begin)) continue;
    each.begin.store(0, std::memory_order_release);
    std::free(std::exchange(each.path, nullptr));
    return;
  }
}

}  // namespace slipway
