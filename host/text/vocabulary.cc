// The vocabulary's tables.
#include "text/vocabulary.h"

#include "base/error.h"
#include "base/excerpt.h"

namespace slipway {

Vocabulary::Vocabulary(std::vector<std::string> tokens, Repeats repeats, const std::string& origin)
    : tokens_(std::move(tokens)) {
  ids_.reserve(tokens_.size());
  for (size_t i = 0; i < tokens_.size(); ++i) {
    if (tokens_[i].empty()) continue;
    const auto id = static_cast<int32_t>(i);
    const auto [it, fresh] = ids_.emplace(tokens_[i], id);
    if (!fresh && repeats == Repeats::kRefused)
      fail("{}: the token \"{}\" has two ids, {} and {}", origin, excerpt(tokens_[i]), it->second,
           i);
    it->second = id;
  }
}

std::vector<int32_t> byte_tokens(const Vocabulary& vocabulary) {
  std::vector<int32_t> out(256);
  for (size_t b = 0; b < out.size(); ++b) out[b] = vocabulary.id(fmt::format("<0x{:02X}>", b));
  return out;
}

int byte_of_token(std::string_view token) {
  if (token.size() != 6 || !token.starts_with("<0x") || token[5] != '>') return -1;
  int out = 0;
  for (const char c : token.substr(3, 2)) {
    const bool digit = c >= '0' && c <= '9', upper = c >= 'A' && c <= 'F',
               lower = c >= 'a' && c <= 'f';
    if (!digit && !upper && !lower) return -1;
    out = out * 16 + (digit ? c - '0' : (upper ? c - 'A' : c - 'a') + 10);
  }
  return out;
}

bool append_byte_tokens(std::string_view text, const std::vector<int32_t>& byte_ids,
                        std::vector<int32_t>& ids) {
  for (const char c : text)
    if (byte_ids[static_cast<unsigned char>(c)] < 0) return false;
  for (const char c : text) ids.push_back(byte_ids[static_cast<unsigned char>(c)]);
  return true;
}

}  // namespace slipway
