// The metadata of a GGUF file as a config.json.
#pragma once
#include "base/json.h"
#include "weights/gguf.h"
#include "weights/gguf_family.h"

namespace slipway {

// What the file is: its general.architecture, and for "olmo2" what its metadata say beside it.
// Throws Error where it is not a whole model, or of none that is known.
const GgufFamily& gguf_family_of_file(const Gguf& file);

// Throws Error naming what is missing, wrong, or would change the model into one that is not
// supported; keys that are not known are a warning.
Json gguf_config(const Gguf& file, const GgufFamily& family);

}  // namespace slipway
