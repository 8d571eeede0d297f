// The charsmap's trie.
#include "text/charsmap.h"

#include <cstring>

#include "base/error.h"
#include "text/normal_forms.h"
#include "text/unicode.h"

namespace slipway {
namespace {

// A unit of Darts-clone: https://github.com/s-yata/darts-clone, "darts.h".
bool has_leaf(uint32_t unit) { return ((unit >> 8) & 1) != 0; }
uint32_t value_of(uint32_t unit) { return unit & 0x7FFFFFFF; }
uint32_t label_of(uint32_t unit) { return unit & 0x800000FF; }
uint32_t offset_of(uint32_t unit) { return (unit >> 10) << ((unit & 0x200) >> 6); }

}  // namespace

Charsmap::Charsmap(std::string_view bytes, const std::string& origin) {
  uint32_t size = 0;
  if (bytes.size() >= sizeof size) std::memcpy(&size, bytes.data(), sizeof size);
  if (bytes.size() < sizeof size || size % 4 != 0 || size == 0 || size > bytes.size() - sizeof size)
    fail("{}: the precompiled_charsmap is cut off or damaged", origin);
  units_.resize(size / 4);
  std::memcpy(units_.data(), bytes.data() + sizeof size, size);
  texts_ = bytes.substr(sizeof size + size);
  if (!is_valid_utf8(texts_)) fail("{}: the precompiled_charsmap holds no UTF-8", origin);
}

std::optional<std::string_view> Charsmap::find(std::string_view key) const {
  size_t at = offset_of(units_[0]);
  for (const char each : key) {
    const auto c = static_cast<unsigned char>(each);
    at ^= c;
    if (c == 0 || at >= units_.size() || label_of(units_[at]) != c) return std::nullopt;
    const uint32_t unit = units_[at];
    at ^= offset_of(unit);
    if (!has_leaf(unit) || at >= units_.size()) continue;
    const size_t begin = value_of(units_[at]);
    if (begin > texts_.size()) return std::nullopt;
    const size_t end = std::min(texts_.find('\0', begin), texts_.size());
    const std::string_view out = std::string_view(texts_).substr(begin, end - begin);
    return is_valid_utf8(out) ? std::optional(out) : std::nullopt;
  }
  return std::nullopt;
}

std::string Charsmap::apply(std::string_view text) const {
  // The package looks up short graphemes whole, which may drop a second mark, and the characters of
  // all others one by one.
  constexpr size_t kShort = 6;
  std::string out;
  out.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    const size_t end = grapheme_end(text, at);
    if (end - at < kShort)
      if (const auto whole = find(text.substr(at, end - at))) {
        out += *whole;
        at = end;
        continue;
      }
    while (at < end) {
      const std::string_view character = text.substr(at, code_point_at(text, at).size);
      out += find(character).value_or(character);
      at += character.size();
    }
  }
  return out;
}

}  // namespace slipway
