// The only file that sees spdlog: its fmt and LibTorch's clash, so this target has no LibTorch on
// its path.
#include "base/log.h"

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <mutex>

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

void say(LogLevel level, std::string_view text) {
  logger().log(spdlog_level(level), spdlog::string_view_t(text.data(), text.size()));
}

// What this process is among several.
class Voice {
 public:
  void keep(int64_t rank) {
    const std::lock_guard lock(mutex_);
    keeps_ = true;
    rank_ = rank;
  }
  std::vector<std::string> kept() {
    const std::lock_guard lock(mutex_);
    return kept_;
  }
  // Whether it is said now; else it is kept.
  bool passes(LogLevel level, std::string_view text) {
    if (level != LogLevel::kWarn || logger().level() > spdlog::level::warn) return true;
    const std::lock_guard lock(mutex_);
    if (keeps_) kept_.emplace_back(text);
    return !keeps_ || rank_ == 0;
  }
  std::string named(std::string_view text) {
    const std::lock_guard lock(mutex_);
    const std::string name = fmt::format("rank {}", rank_);
    return rank_ == 0 || text.starts_with(name + " ") ? std::string(text)
                                                      : name + ": " + std::string(text);
  }
  // What is left to say of what was kept.
  std::vector<std::string> settle(const std::vector<std::string>& said) {
    const std::lock_guard lock(mutex_);
    keeps_ = false;
    std::vector<std::string> left = std::exchange(kept_, {});
    if (rank_ == 0) left.clear();
    std::erase_if(
        left, [&](const std::string& each) { return std::ranges::find(said, each) != said.end(); });
    return left;
  }
  bool is_first() {
    const std::lock_guard lock(mutex_);
    return rank_ == 0;
  }

 private:
  std::mutex mutex_;
  bool keeps_ = false;
  int64_t rank_ = 0;
  std::vector<std::string> kept_;
};

Voice& voice() {
  static Voice instance;
  return instance;
}

}  // namespace

void log_message(LogLevel level, std::string_view text) {
  if (level == LogLevel::kError) settle_warnings();
  if (!voice().passes(level, text)) return;
  say(level, level == LogLevel::kWarn ? voice().named(text) : std::string(text));
}

void keep_warnings(int64_t rank) { voice().keep(rank); }
std::vector<std::string> kept_warnings() { return voice().kept(); }
void settle_warnings(const std::vector<std::string>& said) {
  for (const std::string& each : voice().settle(said)) say(LogLevel::kWarn, voice().named(each));
}
bool speaks_for_all() { return voice().is_first(); }

void set_log_level(LogLevel level) { logger().set_level(spdlog_level(level)); }

LogLevel log_level() {
  const auto level = logger().level();
  return static_cast<LogLevel>(level == spdlog::level::off   ? 5
                               : level >= spdlog::level::err ? 4
                                                             : static_cast<int>(level));
}

}  // namespace slipway
