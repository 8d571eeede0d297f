// Unigram: of all ways to cut a word into tokens the one whose scores add up to the most.
#pragma once
#include <array>

#include "text/token_model.h"

namespace slipway {

class Unigram final : public TokenModel {
 public:
  struct Options {
    int32_t unk_id = -1;         // -1 = none: a character that is no token is refused
    bool byte_fallback = false;  // what would be unknown becomes its bytes' tokens
  };
  // Throws Error naming `origin` when the unknown token does not exist or a score is no number.
  Unigram(ModelTables tables, const Options& options, const std::string& origin);

  // Characters in a row that are no token are one unknown token. Time grows with the word's length
  // times that of the longest token. Throws Error for a character that is no token where there is
  // no unknown one.
  void encode(std::string_view word, std::vector<int32_t>& ids) const override;
  void write(Json& model) const override;

 private:
  struct Node {
    double score = 0;
    int32_t begin = -1, id = -1;  // of the token that ends here
  };
  std::vector<Node> best_cut(std::string_view word) const;
  void append_piece(std::string_view piece, std::vector<int32_t>& ids) const;

  std::vector<double> scores_;
  std::vector<int32_t> sorted_;          // ids by their token's bytes
  std::array<size_t, 257> first_bytes_;  // where in sorted_ tokens that begin with a byte begin
  std::vector<int32_t> byte_ids_;        // empty = no byte fallback
  double unknown_score_;
  int32_t unk_;
  std::string origin_;
};

}  // namespace slipway
