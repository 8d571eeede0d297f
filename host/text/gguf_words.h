// How a byte-level tokenizer of a GGUF file cuts words.
#pragma once
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

}  // namespace slipway
