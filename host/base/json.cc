// JSON: a parse whose errors name file and line.
#include "base/json.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace slipway {

Json parse_json(std::string_view text, const std::string& origin, int first_line) {
  try {
    return Json::parse(text.begin(), text.end());
  } catch (const Json::parse_error& e) {
    const size_t at = std::min(text.size(), e.byte == 0 ? size_t{0} : e.byte - 1);
    const auto line = first_line + std::count(text.begin(), text.begin() + static_cast<ptrdiff_t>(at), '\n');
    std::string reason = e.what();
    if (const size_t colon = reason.find(": "); colon != std::string::npos) reason = reason.substr(colon + 2);
    fail("{}:{}: not valid JSON: {}", origin, line, reason);
  }
}

std::string json_number(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "Infinity" : "-Infinity";
  return fmt::format("{}", value);
}

}  // namespace slipway
