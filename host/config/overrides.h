// What --set lays over a run file.
#pragma once
#include <string_view>

#include "config/value.h"

namespace slipway {

// Puts `assignment` (config/toml.h) into the tree of a run file. Other names of the same key
// (config/other_names.h) make room for it: the one that comes last holds, whatever each is called.
// Throws Error.
void lay_over(Value& root, std::string_view assignment);

// Whether it is one of [search], which a run does not read.
bool is_of_search(std::string_view assignment);

}  // namespace slipway
