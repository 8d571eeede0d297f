// Base64: RFC 4648.
#include "text/base64.h"

#include <cstdint>

#include "base/error.h"

namespace slipway {
namespace {

constexpr std::string_view kBase64Digits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

}  // namespace

std::string base64_of(std::string_view bytes) {
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t at = 0; at < bytes.size(); at += 3) {
    const std::string_view group = bytes.substr(at, 3);
    uint32_t bits = 0;
    for (size_t i = 0; i < 3; ++i)
      bits = bits << 8 | (i < group.size() ? static_cast<unsigned char>(group[i]) : 0u);
    for (size_t digit = 0; digit < 4; ++digit)
      out += digit <= group.size() ? kBase64Digits[bits >> (18 - 6 * digit) & 63] : '=';
  }
  return out;
}

std::string bytes_of_base64(std::string_view text, const std::string& origin,
                            const std::string& what) {
  while (text.ends_with('=')) text.remove_suffix(1);
  std::string out;
  out.reserve(text.size() * 3 / 4);
  uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    const size_t value = kBase64Digits.find(c);
    if (value == std::string_view::npos) fail("{}: {} is not base64", origin, what);
    bits = bits << 6 | static_cast<uint32_t>(value);
    count += 6;
    if (count < 8) continue;
    count -= 8;
    out += static_cast<char>(bits >> count);
  }
  return out;
}

}  // namespace slipway
