// Names of checkpoints.
#pragma once
#include <charconv>
#include <cstdint>
#include <optional>
#include <string_view>

namespace slipway {

// 20 of "checkpoint-20".
inline std::optional<int64_t> step_in_name(std::string_view name) {
  constexpr std::string_view kPrefix = "checkpoint-";
  if (!name.starts_with(kPrefix)) return std::nullopt;
  int64_t step = 0;
  const char* end = name.data() + name.size();
  const auto [at, ec] = std::from_chars(name.data() + kPrefix.size(), end, step);
  return ec == std::errc() && at == end && step >= 0 ? std::optional(step) : std::nullopt;
}

}  // namespace slipway
