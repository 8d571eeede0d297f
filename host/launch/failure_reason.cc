// The error file.
#include "launch/failure_reason.h"

#include "base/error.h"
#include "base/excerpt.h"
#include "base/json.h"
#include "base/visible_text.h"

namespace slipway {

std::string failure_reason(const fs::path& error_file) {
  constexpr uintmax_t kLargest = 1 << 20;
  constexpr size_t kShown = 1000;
  std::error_code ec;
  if (!fs::is_regular_file(error_file, ec) || fs::file_size(error_file, ec) > kLargest) return "";
  try {
    const Json json = parse_json(read_file(error_file), error_file.string());
    const Json& outer = json.at("message");
    const auto text = (outer.is_object() ? outer.at("message") : outer).get<std::string>();
    return visible_line(excerpt(text, kShown));
  } catch (const Error&) {
    return "";  // it was ended while it wrote
  } catch (const Json::exception&) {
    return "";
  }
}

}  // namespace slipway
