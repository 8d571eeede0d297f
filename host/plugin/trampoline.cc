// Blame and errors of plugin calls.
#include "plugin/trampoline.h"

#include <elf.h>
#include <link.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <mutex>
#include <system_error>

#include "base/log.h"
#include "base/signal_text.h"
#include "base/visible_text.h"
#include "plugin/call_watch.h"
#include "plugin/services.h"

namespace slipway {

thread_local PluginCall current_plugin_call;

std::string_view status_name(slw_status status) {
  constexpr std::string_view kNames[] = {
      "OK",        "CANCELLED",      "UNKNOWN",           "INVALID_ARGUMENT", "DEADLINE_EXCEEDED",
      "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "OUT_OF_MEMORY",    "FAILED_PRECONDITION",
      "ABORTED",   "OUT_OF_RANGE",   "UNIMPLEMENTED",     "INTERNAL",         "UNAVAILABLE",
      "DATA_LOSS"};
  return status >= 0 && status < static_cast<slw_status>(std::size(kNames)) ? kNames[status]
                                                                            : "not a status";
}

void throw_plugin_error(const char* plugin, const char* function, slw_status status,
                        const slw_error& error) {
  const std::string message =
      visible_line({error.message, strnlen(error.message, sizeof error.message)});
  const std::string where = visible_line({error.where, strnlen(error.where, sizeof error.where)});
  if (status == SLW_CANCELLED && stop_requested())
    throw Cancelled(
        fmt::format("plugin {} ended {}() early, as it was asked to", plugin, function));
  if (status == SLW_CANCELLED)
    fail("plugin {}, {}(): gave up (CANCELLED), and nothing had asked it to stop{}{}", plugin,
         function, message.empty() ? "" : ": ", message);
  fail("plugin {}, {}(): {}{}{} ({})", plugin, function,
       message.empty() ? "failed without saying why" : message, where.empty() ? "" : " at ", where,
       status_name(status));
}

void RoundingScope::restore() const {
#if defined(__x86_64__)
  // of the older unit as well, whose numbers for the directions these are
  std::fesetround(static_cast<int>(before_ >> 13 & 3) << 10);
  _mm_setcsr(before_ | (_mm_getcsr() & 0x3Fu));
#else
  std::fesetround(static_cast<int>(before_));
#endif
  log_warn("plugin {}, {}(): changed how floating-point numbers are rounded; it is as before again",
           plugin_, function_);
}

namespace {

// For handlers: asking for `current_plugin_call` would make it on a thread that never called a
// plugin.
thread_local PluginCall* this_threads_call = nullptr;

std::mutex calls_mutex;
PluginCall* calls = nullptr;
std::atomic<bool> handles_crashes{false};
constexpr size_t kSignalStack = 64 << 10;

void give_signal_stack(PluginCall& call) {
  void* memory =
      ::mmap(nullptr, kSignalStack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return;
  stack_t own{};
  own.ss_sp = memory;
  own.ss_size = kSignalStack;
  if (::sigaltstack(&own, nullptr) == 0) call.signal_stack = memory;
  else ::munmap(memory, kSignalStack);
}

}  // namespace

PluginCall::PluginCall() {
  this_threads_call = this;
  if (handles_crashes.load()) give_signal_stack(*this);
  const std::lock_guard lock(calls_mutex);
  next = calls;
  calls = this;
}

PluginCall::~PluginCall() {
  // else exit() was called inside: who asks later still gets the name
  if (plugin.load() == nullptr) this_threads_call = nullptr;
  {
    const std::lock_guard lock(calls_mutex);
    PluginCall** at = &calls;
    while (*at != nullptr && *at != this) at = &(*at)->next;
    if (*at == this) *at = next;
  }
  if (signal_stack == nullptr) return;
  stack_t none{};
  none.ss_flags = SS_DISABLE;
  ::sigaltstack(&none, nullptr);
  ::munmap(signal_stack, kSignalStack);
}

void for_each_plugin_call(const std::function<void(const PluginCall&)>& body) {
  const std::lock_guard lock(calls_mutex);
  for (const PluginCall* call = calls; call != nullptr; call = call->next) body(*call);
}

namespace {

std::atomic_flag dying = ATOMIC_FLAG_INIT;

// The loaded plugins' code, for a handler that may not take a lock. More than there is room for go
// unnamed.
struct Code {
  uintptr_t begin, end;
  const char* path;
};
std::array<Code, 256> code;
std::atomic<size_t> codes{0};

const char* plugin_at(uintptr_t address) {
  for (size_t i = 0; i < codes.load(std::memory_order_acquire); ++i)
    if (address >= code[i].begin && address < code[i].end) return code[i].path;
  return nullptr;
}

uintptr_t place_of_crash(const void* context) {
  const auto* machine = static_cast<const ucontext_t*>(context);
#if defined(__x86_64__)
  return static_cast<uintptr_t>(machine->uc_mcontext.gregs[REG_RIP]);
#elif defined(__aarch64__)
  return static_cast<uintptr_t>(machine->uc_mcontext.pc);
#else
  return 0;
#endif
}

void on_crash(int signal, siginfo_t*, void* context) {
  if (dying.test_and_set())
    for (;;) ::pause();  // the thread that came first speaks and ends the process
  SignalText words;
  words.add("\nslipway: fatal signal ");
  words.add(signal == SIGSEGV  ? "SIGSEGV"
            : signal == SIGBUS ? "SIGBUS"
            : signal == SIGFPE ? "SIGFPE"
            : signal == SIGILL ? "SIGILL"
                               : "SIGABRT");
  char call[256];
  if (call_in_progress(call, sizeof call) != nullptr) {
    words.add(" inside ");
    words.add(call);
  } else if (const char* path = plugin_at(place_of_crash(context)); path != nullptr) {
    words.add(" in the code of plugin ");
    words.add(path);
    words.add(", outside of any call of the host's");
  }
  words.add("\n");
  words.write();
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

}  // namespace

void keep_barrier() {}

const void* interface_of(slw_plugin* plugin, const char* plugin_id, const char* interface_id) {
  const void* table = nullptr;
  call_plugin_at_length(plugin_id, "get_interface", [&](slw_error*) {
    table = plugin->get_interface(plugin, interface_id);
    return SLW_OK;
  });
  return table;
}

const char* call_in_progress(char* buffer, size_t size) {
  if (this_threads_call == nullptr) return nullptr;
  const char *plugin = this_threads_call->plugin.load(),
             *function = this_threads_call->function.load();
  if (plugin == nullptr || size == 0) return nullptr;
  size_t at = 0;
  for (const char* part : {"plugin ", plugin, ", ", function, "()"})
    for (; part != nullptr && *part != '\0' && at + 1 < size; ++part) buffer[at++] = *part;
  buffer[at] = '\0';
  return buffer;
}

void note_plugin_code(const char* path) {
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  if (codes.load() == code.size()) return;
  Code found{0, 0, path};
  const auto look = [](dl_phdr_info* info, size_t, void* into) {
    auto& wanted = *static_cast<Code*>(into);
    std::error_code ec;
    if (info->dlpi_name == nullptr ||
        !std::filesystem::equivalent(info->dlpi_name, wanted.path, ec))
      return 0;
    for (int i = 0; i < info->dlpi_phnum; ++i) {
      const auto& part = info->dlpi_phdr[i];
      if (part.p_type != PT_LOAD || (part.p_flags & PF_X) == 0) continue;
      wanted.begin = info->dlpi_addr + part.p_vaddr;
      wanted.end = wanted.begin + part.p_memsz;
    }
    return 1;
  };
  if (::dl_iterate_phdr(look, &found) == 0) return;
  code[codes.load()] = found;
  codes.fetch_add(1, std::memory_order_release);
}

void install_crash_handler() {
  handles_crashes.store(true);
  if (current_plugin_call.signal_stack == nullptr) give_signal_stack(current_plugin_call);
  struct sigaction action{};
  action.sa_sigaction = on_crash;
  action.sa_flags = SA_ONSTACK | SA_SIGINFO;
  for (const int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT})
    ::sigaction(signal, &action, nullptr);
}

}  // namespace slipway
