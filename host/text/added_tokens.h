// Added tokens: texts that become one id wherever they occur, before any word is cut.
#pragma once
#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/json.h"

namespace slipway {

struct AddedToken {
  int32_t id;
  std::string content;
  bool special;         // skipped by decode
  bool single_word;     // not inside a word
  bool lstrip, rstrip;  // takes the white space on that side along
  bool normalized;      // looked for after all that are not
};

class AddedTokens {
 public:
  AddedTokens() = default;
  // From the "added_tokens" of a tokenizer.json. Throws Error naming `origin`.
  AddedTokens(const Json& list, const std::string& origin);

  // Calls text(run) for every run between added tokens and token(id) for every added token, in
  // order. `input` is valid UTF-8.
  void cut(std::string_view input, const std::function<void(std::string_view)>& text,
           const std::function<void(int32_t)>& token) const;

  const std::vector<AddedToken>& all() const { return tokens_; }
  const AddedToken* find(int32_t id) const;                // nullptr = none
  const AddedToken* find(std::string_view content) const;  // nullptr = none

 private:
  // indices of tokens by first byte, longest first
  using Pass = std::array<std::vector<uint32_t>, 256>;
  const AddedToken* at(const Pass& pass, std::string_view input, size_t at) const;
  void cut_pass(const Pass& pass, std::string_view input,
                const std::function<void(std::string_view)>& text,
                const std::function<void(int32_t)>& token) const;

  std::vector<AddedToken> tokens_;
  Pass plain_, normalized_;
  bool any_plain_ = false, any_normalized_ = false;
  std::unordered_map<int32_t, size_t> by_id_;
  std::unordered_map<std::string, size_t> by_content_;
};

}  // namespace slipway
