// Byte-pair encoding of one word: merges pairs of tokens, lowest rank first, until none is left.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace slipway {

class Bpe {
 public:
  // vocabulary[id] is the token's text; merges in order of rank. Throws Error naming `origin` when a merge names a token
  // that does not exist.
  Bpe(std::vector<std::string> vocabulary, const std::vector<std::pair<std::string, std::string>>& merges,
      bool ignore_merges, const std::string& origin);

  // Appends the ids of `word` (in the vocabulary's own alphabet). Characters that are no token are dropped, as the
  // reference does without an unknown token. Thread-safe.
  void encode(std::string_view word, std::vector<int32_t>& ids) const;

  const std::vector<std::string>& vocabulary() const { return vocabulary_; }
  const std::vector<std::pair<std::string, std::string>>& merges() const { return merges_; }
  int32_t id(std::string_view token) const;  // -1 = none
  bool ignore_merges() const { return ignore_merges_; }

 private:
  struct Merge {
    int32_t rank, result;
  };
  std::vector<std::string> vocabulary_;
  std::vector<std::pair<std::string, std::string>> merges_;
  std::unordered_map<std::string_view, int32_t> ids_;
  std::unordered_map<uint64_t, Merge> ranks_;
  bool ignore_merges_;
};

}  // namespace slipway
