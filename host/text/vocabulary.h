// Tokens by id, and ids by token.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace slipway {

class Vocabulary {
 public:
  enum class Repeats { kRefused, kLastWins };  // of one text with two ids

  // tokens[id] is the token's text, "" = no token has the id. Throws Error naming `origin`.
  Vocabulary(std::vector<std::string> tokens, Repeats repeats, const std::string& origin);
  Vocabulary(Vocabulary&&) = default;  // a copy's views would lead into the original

  const std::vector<std::string>& tokens() const { return tokens_; }
  int32_t id(std::string_view token) const {  // -1 = none
    const auto it = ids_.find(token);
    return it == ids_.end() ? -1 : it->second;
  }

 private:
  std::vector<std::string> tokens_;
  std::unordered_map<std::string_view, int32_t> ids_;  // views into tokens_
};

// The tokens <0x00> to <0xFF>, which stand for a byte each. ids[byte]; -1 = none.
std::vector<int32_t> byte_tokens(const Vocabulary& vocabulary);

// The byte that such a token stands for, or -1.
int byte_of_token(std::string_view token);

// Appends the ids of the text's bytes, unless one is missing: then false, and nothing is appended.
bool append_byte_tokens(std::string_view text, const std::vector<int32_t>& byte_ids,
                        std::vector<int32_t>& ids);

}  // namespace slipway
