// What [lora] of a run file says.
#pragma once
#include <optional>

#include "config/run_config.h"
#include "weights/lora_settings.h"

namespace slipway {

// Nothing: the weights themselves are trained. With lora.adapter they are that folder's. Throws
// Error on keys that do not go together, naming them.
std::optional<LoraSettings> lora_settings(const RunConfig& config);

}  // namespace slipway
