// Names of files that other files give.
#pragma once
#include <string_view>

namespace slipway {

// Whether it names a file of the folder itself: what came from elsewhere leads nowhere else.
inline bool is_plain_name(std::string_view name) {
  return !name.empty() && name.size() < 256 && name != "." && name != ".." &&
         name.find_first_of(std::string_view("/\\\0", 3)) == std::string_view::npos;
}

}  // namespace slipway
