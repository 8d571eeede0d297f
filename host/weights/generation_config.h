// generation_config.json: how transformers' generate() behaves for a model unless it is told otherwise.
#pragma once
#include "base/files.h"
#include "base/json.h"

namespace slipway {

// That of the model folder `weights` if it has one; else what transformers derives from config.json. Throws Error on a malformed file.
Json generation_config_of(const fs::path& weights, const Json& config);

}  // namespace slipway
