// Folders that hold a model in a form that is not read here: what they are, and what to do with
// them.
#pragma once
#include <string>

#include "base/files.h"

namespace slipway {

// The rest of a sentence that begins with the folder's path: what it holds in the place of a whole
// model in safetensors, and the fix;
// "" = nothing that is known. Throws Error when the folder cannot be read.
std::string other_format(const fs::path& folder);

}  // namespace slipway
