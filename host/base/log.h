// Messages to the person who runs the program. spdlog stays behind this header.
#pragma once
#include <fmt/format.h>

#include <string_view>
#include <utility>

namespace slipway {

enum class LogLevel : int { kTrace, kDebug, kInfo, kWarn, kError, kOff };

// Thread-safe; goes to standard error. Lines below the level that is set cost one comparison.
void log_message(LogLevel level, std::string_view text);
void set_log_level(LogLevel level);
LogLevel log_level();

template <class... Args>
void log_info(fmt::format_string<Args...> format, Args&&... args) {
  log_message(LogLevel::kInfo, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void log_warn(fmt::format_string<Args...> format, Args&&... args) {
  log_message(LogLevel::kWarn, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace slipway
