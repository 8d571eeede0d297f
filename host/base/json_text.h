// JSON as text, of anything.
#pragma once
#include <string>

#include "base/json.h"

namespace slipway {

// The value as JSON text; `indent` as nlohmann's dump() takes it (-1: one line). Bytes that are not
// UTF-8, in names that a plugin or a file gave, become U+FFFD, where dump() would throw.
inline std::string json_text(const Json& value, int indent = -1) {
  return value.dump(indent, ' ', false, Json::error_handler_t::replace);
}

}  // namespace slipway
