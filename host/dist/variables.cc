// Variables of the environment, read with errors that name them.
#include "dist/variables.h"

#include <charconv>

#include "base/error.h"
#include "base/visible_text.h"

namespace slipway {

std::optional<std::string> Variables::text(const char* name) const {
  const std::optional<std::string> value = lookup_(name);
  if (!value) return std::nullopt;
  const size_t first = value->find_first_not_of(" \t\r\n");
  if (first == std::string::npos) return std::nullopt;
  return value->substr(first, value->find_last_not_of(" \t\r\n") - first + 1);
}

std::string Variables::text_or(const char* name, const std::string& otherwise) const {
  return text(name).value_or(otherwise);
}

std::optional<int64_t> Variables::number(const char* name, int64_t least) const {
  const std::optional<std::string> value = text(name);
  if (!value) return std::nullopt;
  int64_t number = 0;
  const char* end = value->data() + value->size();
  const auto [stop, problem] = std::from_chars(value->data(), end, number);
  if (problem != std::errc() || stop != end || number < least)
    fail("{}={} is not a whole number of at least {}: set it right, or unset it to train alone",
         name, visible_line(*value), least);
  return number;
}

int64_t Variables::number_or(const char* name, int64_t otherwise, int64_t least) const {
  return number(name, least).value_or(otherwise);
}

int64_t Variables::needed(const char* name, const char* because, const char* fix,
                          int64_t least) const {
  const std::optional<int64_t> value = number(name, least);
  if (!value) fail("{} is set, and {} is not: {}", because, name, fix);
  return *value;
}

std::optional<int64_t> Variables::port(const char* name) const {
  const std::optional<int64_t> value = number(name, 1);
  if (value && *value > 65535) fail("{}={} is not a port: the highest is 65535", name, *value);
  return value;
}

}  // namespace slipway
