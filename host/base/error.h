// The one exception type of the host, and how the process says that it ended.
#pragma once
#include <fmt/format.h>

#include <stdexcept>
#include <string>
#include <utility>

namespace slipway {

// A failure that the user can act on. The text names what, where and the fix; it is printed as it
// is, without a stack trace. Anything else that escapes to main() is a defect of Slipway and is
// reported as one.
struct Error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Throws Error with the formatted text.
template <class... Args>
[[noreturn]] void fail(fmt::format_string<Args...> format, Args&&... args) {
  throw Error(fmt::format(format, std::forward<Args>(args)...));
}

// Exit codes of every command; documented in docs/guide.md and stable.
enum ExitCode : int {
  kExitOk = 0,
  kExitFailure = 1,  // the work could not be done: file, memory, plugin, numerical failure
  kExitUsage = 2,    // the command line or the configuration is wrong; nothing was started
  // another process of the run is dead, hung or out of reach: run again with --resume
  kExitRankLost = 75,
  kExitInterrupted = 85,  // a signal asked to stop: state was saved, run again with --resume
};

}  // namespace slipway
