// A tokenizer as GGUF metadata, the other way round than Tokenizer::from_gguf().
#pragma once
#include <string>
#include <vector>

#include "text/tokenizer.h"
#include "weights/gguf_writer.h"

namespace slipway {

struct GgufTokens {
  std::vector<GgufPair> metadata;
  // Texts of which llama.cpp makes other ids than this tokenizer, each in a sentence. Where there
  // are any, the metadata hold the tokenizer.json too, by which Slipway goes.
  std::vector<std::string> differences;
};

// Under the keys "tokenizer.*" (and "general.name", where llama.cpp goes by it), for a model of
// `vocab_size` tokens: byte-level BPE ("gpt2") and SentencePiece's BPE with byte fallback
// ("llama"). Throws Error naming what llama.cpp has not.
GgufTokens gguf_tokens(const Tokenizer& tokenizer, int64_t vocab_size);

}  // namespace slipway
