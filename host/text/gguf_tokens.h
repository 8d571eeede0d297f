// A tokenizer as GGUF metadata, the other way round than Tokenizer::from_gguf().
#pragma once
#include "text/tokenizer.h"
#include "weights/gguf_writer.h"

namespace slipway {

// Under the keys "tokenizer.*", for a model of `vocab_size` tokens: byte-level BPE whose words
// llama.cpp cuts, too. Throws Error naming what it has no name for.
std::vector<GgufPair> gguf_tokenizer_metadata(const Tokenizer& tokenizer, int64_t vocab_size);

}  // namespace slipway
