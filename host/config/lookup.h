// One key of the schema by its name.
#pragma once
#include <string_view>

#include "config/schema.h"

namespace slipway {

// nullptr when there is no such key.
const Key* find_key(std::string_view section, std::string_view name);

}  // namespace slipway
