// Added tokens and llama.cpp: which of their flags it has.
#pragma once
#include <string>
#include <vector>

#include "base/json.h"
#include "text/tokenizer.h"

namespace slipway {

struct GgufAdded {
  // They take the white space behind them along as those of Phi-3 do, which llama.cpp knows by the
  // model's name.
  bool as_phi3 = false;
  std::vector<std::string> differences;  // flags that llama.cpp does not have, each in a sentence
};

// Of the "added_tokens" of the tokenizer's tokenizer.json.
GgufAdded gguf_added(const Tokenizer& tokenizer, const Json& added_tokens);

// Whether llama.cpp reads a file of that "general.name", with these tokens, as one of Phi-3; and
// which added tokens then take white space along.
bool is_named_phi3(std::string name);
bool takes_space_in_phi3(const std::string& token);

}  // namespace slipway
