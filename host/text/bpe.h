// Byte-pair encoding of one word: merges pairs of tokens, lowest rank first, until none is left.
#pragma once
#include <unordered_map>

#include "text/token_model.h"

namespace slipway {

class Bpe final : public TokenModel {
 public:
  struct Options {
    bool ignore_merges = false;  // a word that is a token is that token
    bool byte_fallback = false;  // a character that is no token becomes its bytes' tokens
    bool fuse_unk = false;       // characters in a row that are nothing are one unknown token
    std::string unk_token = {};  // "" = such characters are dropped
  };
  // Throws Error naming `origin` when two ids have one text, or a merge or an option names a token
  // that does not exist.
  Bpe(ModelTables tables, const Options& options, const std::string& origin);

  // `word` is in the vocabulary's own alphabet. Time grows as n log n with the word.
  void encode(std::string_view word, std::vector<int32_t>& ids) const override;
  void write(Json& model) const override;

 private:
  struct Merge {
    int32_t rank, result;
  };
  struct Symbol {
    int32_t id;
    int previous, next;  // -1 = none
  };
  const Merge* find(int32_t left, int32_t right) const;
  std::vector<Symbol> symbols_of(std::string_view word) const;
  void merge_all(std::vector<Symbol>& symbols) const;

  std::vector<std::pair<int32_t, int32_t>> merges_;
  std::unordered_map<uint64_t, Merge> ranks_;
  std::vector<int32_t> byte_ids_;  // empty = no byte fallback
  int32_t unk_ = -1;
  bool ignore_merges_, fuse_unk_;
};

}  // namespace slipway
