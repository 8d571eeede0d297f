// The page that `slipway doctor --dist` prints.
#pragma once
#include <string>

#include "base/json.h"

namespace slipway {

// Of what describe_ranks() told.
std::string ranks_text(const Json& ranks);

}  // namespace slipway
