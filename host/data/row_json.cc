// Checks of keys.
#include "data/row_json.h"

#include "base/error.h"

namespace slipway {
namespace {

constexpr size_t kMaxKeys = 10'000;

}  // namespace

Json parse_row_json(std::string_view text, const std::string& origin, int first_line) {
  return parse_json(
      text, origin, first_line, [&](const std::string& name, size_t keys, bool again) {
        if (again)
          fail("{}:{}: the key {} occurs twice in one object", origin, first_line, shown(name));
        if (keys > kMaxKeys)
          fail("{}:{}: an object has more than {} keys; at most that many are read", origin,
               first_line, kMaxKeys);
      });
}

bool is_json_object(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t\r\n\xEF\xBB\xBF");
  return begin != std::string_view::npos && text[begin] == '{' &&
         Json::accept(text.begin(), text.end());
}

std::string shown(std::string_view name) {
  constexpr size_t kLongest = 40;
  const std::string text = Json(std::string(name.substr(0, kLongest)))
                               .dump(-1, ' ', false, Json::error_handler_t::ignore);
  return name.size() > kLongest ? text + "..." : text;
}

}  // namespace slipway
