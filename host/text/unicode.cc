// UTF-8 and character classes.
#include "text/unicode.h"

#include <algorithm>
#include <array>

namespace slipway {
namespace {

uint16_t search_class(char32_t c) {
  const auto it = std::ranges::lower_bound(kUnicodeRanges, c, {}, &UnicodeRange::last);
  return it != kUnicodeRanges.end() && it->first <= c ? it->bits : uint16_t{0};
}

// Bytes of a character that begins with this one, or 0: none does.
size_t size_from(unsigned char first) {
  return first < 0x80                    ? 1
         : first >= 0xC2 && first < 0xE0 ? 2
         : first >= 0xE0 && first < 0xF0 ? 3
         : first >= 0xF0 && first < 0xF5 ? 4
                                         : 0;
}

// Bytes of the well-formed character at `at`, or 0; `good`: bytes of the longest beginning of one
// (at least 1).
size_t well_formed(std::string_view text, size_t at, size_t& good) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned b = byte(at);
  good = 1;
  const size_t need = size_from(byte(at));
  while (good < need) {
    unsigned low = 0x80, high = 0xBF;  // the second byte is narrower after some first ones
    if (good == 1 && b == 0xE0) low = 0xA0;
    if (good == 1 && b == 0xED) high = 0x9F;
    if (good == 1 && b == 0xF0) low = 0x90;
    if (good == 1 && b == 0xF4) high = 0x8F;
    if (at + good >= text.size() || byte(at + good) < low || byte(at + good) > high) return 0;
    ++good;
  }
  return need;
}

}  // namespace

uint16_t char_class(char32_t c) {
  static const auto kLow = [] {
    std::array<uint16_t, 0x400> out{};
    for (char32_t i = 0; i < out.size(); ++i) out[i] = search_class(i);
    return out;
  }();
  return c < kLow.size() ? kLow[c] : search_class(c);
}

CodePoint code_point_at(std::string_view text, size_t at) {
  const auto byte = [&](size_t i) {
    return static_cast<char32_t>(static_cast<unsigned char>(text[at + i]));
  };
  const char32_t b = byte(0);
  if (b < 0x80) return {b, 1};
  if (b < 0xE0) return {(b & 0x1F) << 6 | (byte(1) & 0x3F), 2};
  if (b < 0xF0) return {(b & 0x0F) << 12 | (byte(1) & 0x3F) << 6 | (byte(2) & 0x3F), 3};
  return {(b & 0x07) << 18 | (byte(1) & 0x3F) << 12 | (byte(2) & 0x3F) << 6 | (byte(3) & 0x3F), 4};
}

CodePoint code_point_before(std::string_view text, size_t end) {
  size_t at = end - 1;
  while (at > 0 && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) --at;
  return code_point_at(text, at);
}

void append_code_point(char32_t c, std::string& out) {
  const auto tail = [&](int shift) { out += static_cast<char>(0x80 | ((c >> shift) & 0x3F)); };
  if (c < 0x80) return void(out += static_cast<char>(c));
  if (c < 0x800) return out += static_cast<char>(0xC0 | (c >> 6)), tail(0);
  if (c < 0x10000) return out += static_cast<char>(0xE0 | (c >> 12)), tail(6), tail(0);
  out += static_cast<char>(0xF0 | (c >> 18)), tail(12), tail(6), tail(0);
}

bool is_valid_utf8(std::string_view text) {
  size_t good = 0;
  for (size_t i = 0; i < text.size(); i += good)
    if (well_formed(text, i, good) == 0) return false;
  return true;
}

std::string valid_utf8(std::string_view text) {
  if (is_valid_utf8(text)) return std::string(text);
  std::string out;
  out.reserve(text.size() + 16);
  size_t good = 0;
  for (size_t i = 0; i < text.size(); i += good) {
    if (well_formed(text, i, good) != 0) out.append(text.substr(i, good));
    else out += "\xEF\xBF\xBD";
  }
  return out;
}

size_t unfinished_utf8(std::string_view text) {
  for (size_t at = text.size() - std::min<size_t>(text.size(), 3); at < text.size(); ++at) {
    const size_t left = text.size() - at;
    size_t good = 0;
    if (size_from(static_cast<unsigned char>(text[at])) > left &&
        well_formed(text, at, good) == 0 && good == left)
      return left;
  }
  return 0;
}

}  // namespace slipway
