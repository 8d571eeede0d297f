// How a byte-level tokenizer of a GGUF file cuts words.
#pragma once
#include <optional>
#include <string>

#include "base/json.h"

namespace slipway {

struct GgufWords {
  Json pre_tokenizer;          // as a tokenizer.json has it
  bool ignore_merges = false;  // a word that is a token is that token
  bool add_bos = false;        // where the file does not say
};

// By the name of "tokenizer.ggml.pre": llama.cpp's names, with the patterns of the models'
// tokenizer.json. Throws Error naming `origin` and what is supported.
GgufWords gguf_words(const std::string& name, const std::string& origin);

// The other way round: llama.cpp's name for the "pre_tokenizer" of a tokenizer.json.
struct GgufWordsName {
  std::string name;
  std::string difference;  // what llama.cpp cuts otherwise; "" = nothing
};
// `ignore_merges`: what the tokenizer does; nullopt = its merges lead to every token, and it is all
// the same. Throws Error saying what has no name.
GgufWordsName gguf_words_name(const Json& pre_tokenizer, std::optional<bool> ignore_merges);

}  // namespace slipway
