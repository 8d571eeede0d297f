// GGUF files as models under Hugging Face's names.
#pragma once
#include "weights/model_folder.h"

namespace slipway {

// Metadata that changes what the model computes is read or refused by its name, as are tensors.
// Throws Error.
ModelWeights open_gguf(const fs::path& path);

}  // namespace slipway
