// Names that are told apart by a number: checkpoint-20, iteration-0003.jsonl.
#pragma once
#include <charconv>
#include <cstdint>
#include <optional>
#include <string_view>

namespace slipway {

// The number between `prefix` and `suffix`, digits alone; nothing for another name.
inline std::optional<int64_t> number_in_name(std::string_view name, std::string_view prefix,
                                             std::string_view suffix = {}) {
  if (name.size() < prefix.size() + suffix.size() || !name.starts_with(prefix) ||
      !name.ends_with(suffix))
    return std::nullopt;
  const std::string_view digits =
      name.substr(prefix.size(), name.size() - prefix.size() - suffix.size());
  int64_t number = 0;
  const auto [at, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return ec == std::errc() && at == digits.data() + digits.size() && number >= 0
             ? std::optional(number)
             : std::nullopt;
}

}  // namespace slipway
