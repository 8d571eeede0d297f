// Reads a tokenizer.json, whose vocabulary and merges are nearly all of it.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>

#include "base/json.h"
#include "text/token_model.h"

namespace slipway {

struct TokenizerDocument {
  Json json;  // less the model's vocabulary and merges
  ModelTables tables;
};

// Throws Error naming `origin`.
TokenizerDocument read_tokenizer_json(std::string_view text, const std::string& origin);

// The highest id that a vocabulary of so many tokens may have: real ones have few holes.
inline size_t most_ids(size_t tokens) { return 4 * tokens + 100'000; }

}  // namespace slipway
