// What [lora] of a run file says.
#pragma once
#include <optional>

#include "config/run_config.h"
#include "model/lora.h"
#include "weights/model_folder.h"

namespace slipway {

// Nothing: the weights themselves are trained. With lora.adapter they are that folder's. Throws
// Error on keys that do not go together, naming them.
std::optional<LoraSettings> lora_settings(const RunConfig& config);

// The same with how frozen matrices are held (lora.base_dtype): `weights`, which outlives it, is
// what they are read from; nullptr: nothing is.
std::optional<Lora> lora_of(const RunConfig& config, const ModelWeights* weights);

}  // namespace slipway
