// The only file that sees spdlog: its fmt and LibTorch's clash, so this target has no LibTorch on
// its path.
#include "base/log.h"

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

namespace slipway {

namespace {

spdlog::logger& logger() {
  static const auto instance = [] {
    auto made = std::make_shared<spdlog::logger>(
        "slipway", std::make_shared<spdlog::sinks::stderr_color_sink_mt>());
    made->set_pattern("%^%l%$: %v");
    made->set_level(spdlog::level::info);
    return made;
  }();
  return *instance;
}

spdlog::level::level_enum spdlog_level(LogLevel level) {
  constexpr spdlog::level::level_enum kLevels[] = {spdlog::level::trace, spdlog::level::debug,
                                                   spdlog::level::info,  spdlog::level::warn,
                                                   spdlog::level::err,   spdlog::level::off};
  return kLevels[static_cast<int>(level)];
}

}  // namespace

void log_message(LogLevel level, std::string_view text) {
  logger().log(spdlog_level(level), spdlog::string_view_t(text.data(), text.size()));
}

void set_log_level(LogLevel level) { logger().set_level(spdlog_level(level)); }

LogLevel log_level() {
  const auto level = logger().level();
  return static_cast<LogLevel>(level == spdlog::level::off   ? 5
                               : level >= spdlog::level::err ? 4
                                                             : static_cast<int>(level));
}

}  // namespace slipway
