// The metadata of a GGUF file as a config.json.
#pragma once
#include "base/json.h"
#include "weights/gguf.h"

namespace slipway {

// Throws Error naming what is missing, wrong, or would change the model into one that is not
// supported; keys that are not known are a warning.
Json gguf_config(const Gguf& file);

}  // namespace slipway
