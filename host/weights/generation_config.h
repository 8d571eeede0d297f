// generation_config.json: how transformers' generate() behaves for a model unless it is told
// otherwise.
#pragma once
#include <cstdint>
#include <vector>

#include "base/files.h"
#include "base/json.h"

namespace slipway {

// That of the model folder `weights` if it has one; else what transformers derives from
// config.json. Throws Error on a malformed file.
Json generation_config_of(const fs::path& weights, const Json& config);

// The tokens that end a text, as transformers' generate() takes them from the model folder
// `weights`: "eos_token_id" of its generation_config.json, one or a list; of its config.json where
// there is no such file. Nothing for what is no folder. Throws Error on a malformed file.
std::vector<int32_t> end_tokens_of(const fs::path& weights);

}  // namespace slipway
