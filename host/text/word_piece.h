// WordPiece: the longest token that begins a word, then the longest that goes on, to its end.
#pragma once
#include "text/token_model.h"

namespace slipway {

class WordPiece final : public TokenModel {
 public:
  struct Options {
    std::string unk_token = "[UNK]", continuing_subword_prefix = "##";
    size_t max_input_chars_per_word = 100;
  };
  // Throws Error naming `origin` when two ids have one text or the unknown token does not exist.
  WordPiece(ModelTables tables, const Options& options, const std::string& origin);

  // A word that is longer than the limit, or of which a part is no token, is one unknown token.
  void encode(std::string_view word, std::vector<int32_t>& ids) const override;
  void write(Json& model) const override;

 private:
  std::string prefix_;
  size_t most_characters_;
  int32_t unk_;
};

}  // namespace slipway
