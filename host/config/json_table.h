// JSON as a configuration tree whose values know their lines.
#pragma once
#include <string>
#include <string_view>

#include "config/value.h"

namespace slipway {

// The object that `text` is. A value has the line of its key, an item of a list that of the list's;
// what is null counts as not written. Throws Error "file:line: ..." on what is no JSON object, and
// on a key that an object has twice.
Value json_table(std::string_view text, const std::string& file);

}  // namespace slipway
