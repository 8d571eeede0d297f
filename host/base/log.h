// Messages to the person who runs the program. spdlog stays behind this header.
#pragma once
#include <fmt/format.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace slipway {

enum class LogLevel : int { kTrace, kDebug, kInfo, kWarn, kError, kOff };

// Thread-safe; goes to standard error. Lines below the level that is set cost one comparison.
void log_message(LogLevel level, std::string_view text);
void set_log_level(LogLevel level);
LogLevel log_level();

// Warnings of several processes that do the same: what all of them would say is said once. [any]
//
// From here on this process is rank `rank` of several. The first says its warnings, and keeps them
// for the others; those keep theirs and do not say them yet. An error that is said lets out what
// was kept.
void keep_warnings(int64_t rank);
// Those kept, in their order.
std::vector<std::string> kept_warnings();
// Ends it: says those of this rank that are not in `said`, with the rank's name before them, as all
// that come later have it. Nothing where none are kept any more.
void settle_warnings(const std::vector<std::string>& said = {});
// Whether what every process comes to is this one's to say: it is alone, or the first.
bool speaks_for_all();

template <class... Args>
void log_info(fmt::format_string<Args...> format, Args&&... args) {
  log_message(LogLevel::kInfo, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void log_warn(fmt::format_string<Args...> format, Args&&... args) {
  log_message(LogLevel::kWarn, fmt::format(format, std::forward<Args>(args)...));
}

// A warning that every process of a run comes to; the first one says it.
template <class... Args>
void log_warn_for_all(fmt::format_string<Args...> format, Args&&... args) {
  if (speaks_for_all())
    log_message(LogLevel::kWarn, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace slipway
