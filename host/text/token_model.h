// What makes tokens of a word, whichever way it does.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"
#include "text/vocabulary.h"

namespace slipway {

// The large parts of a tokenizer, as its file has them: vocabulary[id] is the token's text ("" = no
// token has the id); merges in order of rank, for BPE; scores[id], for Unigram.
struct ModelTables {
  std::vector<std::string> vocabulary;
  std::vector<std::pair<std::string, std::string>> merges;
  std::vector<double> scores;
};

class TokenModel {
 public:
  virtual ~TokenModel() = default;
  // Appends the ids of `word`, which is not empty. Thread-safe.
  virtual void encode(std::string_view word, std::vector<int32_t>& ids) const = 0;
  // Puts "vocab" and what else is large into the "model" of a tokenizer.json.
  virtual void write(Json& model) const = 0;

  const Vocabulary& vocabulary() const { return vocabulary_; }

 protected:
  explicit TokenModel(Vocabulary vocabulary) : vocabulary_(std::move(vocabulary)) {}

 private:
  Vocabulary vocabulary_;
};

// The "vocab" of a tokenizer.json: ids by token.
Json vocabulary_object(const Vocabulary& vocabulary);

// From the "model" of a tokenizer.json, less its large parts. Throws Error naming `origin`, the
// part and what is supported.
std::unique_ptr<TokenModel> make_token_model(const Json& description, ModelTables tables,
                                             const std::string& origin);

}  // namespace slipway
