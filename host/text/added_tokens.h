// Added tokens: texts that become one id wherever they occur, before any word is cut.
#pragma once
#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/json.h"
#include "text/normalizer.h"

namespace slipway {

struct AddedToken {
  int32_t id;
  std::string content;
  bool special;         // skipped by decode
  bool single_word;     // not inside a word
  bool lstrip, rstrip;  // takes the white space on that side along
  bool normalized;      // looked for after all that are not, in what the normalizer made
  std::string sought;   // what is looked for, and what decode() tells: normalized, where it is
};

class AddedTokens {
 public:
  // A run of text, and whether the whole text begins with it; an added token's id.
  using Run = std::function<void(std::string_view, bool)>;
  using Token = std::function<void(int32_t)>;

  AddedTokens() = default;
  // From the "added_tokens" of a tokenizer.json. Throws Error naming `origin`.
  AddedTokens(const Json& list, const Normalizer& normalizer, const std::string& origin);

  // Calls run() for every normalized run between added tokens and token() for every added token, in
  // order. `input` is valid UTF-8; `normalizer` is the one that it was made with.
  void cut(std::string_view input, const Normalizer& normalizer, const Run& run,
           const Token& token) const;

  const std::vector<AddedToken>& all() const { return tokens_; }
  const AddedToken* find(int32_t id) const;                // nullptr = none
  const AddedToken* find(std::string_view content) const;  // nullptr = none

 private:
  // indices of tokens by first byte, longest first
  using Pass = std::array<std::vector<uint32_t>, 256>;
  std::optional<uint32_t> at(const Pass& pass, std::string_view input, size_t at) const;
  void cut_pass(const Pass& pass, std::string_view input, bool first, const Run& run,
                const Token& token) const;

  std::vector<AddedToken> tokens_;
  Pass plain_, normalized_;
  bool any_plain_ = false, any_normalized_ = false;
  std::unordered_map<int32_t, size_t> by_id_;
  std::unordered_map<std::string, size_t> by_content_;
};

}  // namespace slipway
