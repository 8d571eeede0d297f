// A config.json as GGUF metadata, the other way round than gguf_config.h.
#pragma once
#include "base/json.h"
#include "weights/gguf_family.h"
#include "weights/gguf_writer.h"

namespace slipway {

// What llama.cpp computes with beside a model's own tensors.
struct GgufDescription {
  const GgufFamily* family;
  std::vector<GgufPair> metadata;
  // Factors of rotary frequencies: name and values.
  std::vector<std::pair<std::string, std::vector<float>>> factors;
};

// Of a config.json that says "head_dim" and "num_key_value_heads" too (GPT-2's need not): what they
// are where a file has none is its family's affair. Throws Error naming the key with which
// llama.cpp would compute another model.
GgufDescription gguf_description(const Json& config, const std::string& origin);

}  // namespace slipway
