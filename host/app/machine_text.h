// The page that `slipway doctor` prints.
#pragma once
#include <string>

#include "base/json.h"

namespace slipway {

// Of what describe_machine() told.
std::string machine_text(const Json& machine);

}  // namespace slipway
