// What a tokenizer is made of, whichever file it came from.
#pragma once
#include <memory>
#include <string>

#include "base/json.h"
#include "text/added_tokens.h"
#include "text/decoder.h"
#include "text/normalizer.h"
#include "text/post_processor.h"
#include "text/pre_tokenizer.h"
#include "text/token_model.h"
#include "text/tokenizer.h"

namespace slipway {

struct Tokenizer::Parts {
  Json document;  // a tokenizer.json, less the model's vocabulary and merges
  Normalizer normalizer;
  AddedTokens added;
  PreTokenizer pre_tokenizer;
  PostProcessor frame;
  Decoder decoder;
  std::unique_ptr<TokenModel> model;
  int32_t size;  // ids below it may be tokens

  // Checks that every part is one that encode() and decode() know; throws Error naming `origin`,
  // the part and what is supported.
  static std::unique_ptr<Parts> make(Json document, ModelTables tables, const std::string& origin);
};

}  // namespace slipway
