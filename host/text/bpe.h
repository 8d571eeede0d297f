// Byte-pair encoding of one word: merges pairs of tokens, lowest rank first, until none is left.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace slipway {

// The large parts of a tokenizer, as its file has them: vocabulary[id] is the token's text ("" = no
// token has the id); merges in order of rank.
struct BpeModel {
  std::vector<std::string> vocabulary;
  std::vector<std::pair<std::string, std::string>> merges;
};

class Bpe {
 public:
  // Throws Error naming `origin` when two ids have one text, or a merge names a token that does not
  // exist.
  Bpe(BpeModel model, bool ignore_merges, const std::string& origin);
  Bpe(Bpe&&) = default;  // a copy's views would lead into the original

  // Appends the ids of `word` (in the vocabulary's own alphabet). Characters that are no token are
  // dropped, as the reference does without an unknown token. Time grows as n log n with the word.
  // Thread-safe.
  void encode(std::string_view word, std::vector<int32_t>& ids) const;

  const std::vector<std::string>& vocabulary() const { return vocabulary_; }
  int32_t id(std::string_view token) const;  // -1 = none
  std::pair<int32_t, int32_t> merge(size_t rank) const { return merges_[rank]; }
  size_t merge_count() const { return merges_.size(); }

 private:
  struct Merge {
    int32_t rank, result;
  };
  const Merge* find(int32_t left, int32_t right) const;

  std::vector<std::string> vocabulary_;
  std::vector<std::pair<int32_t, int32_t>> merges_;
  std::unordered_map<std::string_view, int32_t> ids_;  // views into vocabulary_
  std::unordered_map<uint64_t, Merge> ranks_;
  bool ignore_merges_;
};

}  // namespace slipway
