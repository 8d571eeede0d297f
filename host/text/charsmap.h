// SentencePiece's table of replacements ("precompiled_charsmap"), as the tokenizers package goes by
// it.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace slipway {

class Charsmap {
 public:
  // `bytes`: the size of a trie in bytes (uint32), the trie's units (uint32 each, a double array of
  // Darts-clone), then texts, each ended by a zero byte. Throws Error naming `origin`.
  Charsmap(std::string_view bytes, const std::string& origin);

  // `text` is valid UTF-8. Thread-safe.
  std::string apply(std::string_view text) const;

 private:
  // What stands for the shortest beginning of `key` that the trie holds.
  std::optional<std::string_view> find(std::string_view key) const;

  std::vector<uint32_t> units_;
  std::string texts_;
};

}  // namespace slipway
