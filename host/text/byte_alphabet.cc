// GPT-2's printable stand-in for every byte.
#include "text/byte_alphabet.h"

#include <array>
#include <cstdint>

namespace slipway {
namespace {

struct ByteAlphabet {
  std::array<std::string, 256> text;
  std::array<int16_t, 512> bytes;  // by code point, -1 = none
  ByteAlphabet() {
    bytes.fill(-1);
    size_t next = 256;
    for (size_t b = 0; b < 256; ++b) {
      const bool printable = (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
      const size_t c = printable ? b : next++;
      if (c < 0x80) text[b] = {static_cast<char>(c)};
      else text[b] = {static_cast<char>(0xC0 | (c >> 6)), static_cast<char>(0x80 | (c & 0x3F))};
      bytes[c] = static_cast<int16_t>(b);
    }
  }
};

const ByteAlphabet& alphabet() {
  static const ByteAlphabet instance;
  return instance;
}

}  // namespace

void append_as_alphabet(std::string_view bytes, std::string& out) {
  for (const char c : bytes) out += alphabet().text[static_cast<unsigned char>(c)];
}

void append_bytes(std::string_view token, std::string& out) {
  const size_t start = out.size();
  for (size_t i = 0; i < token.size();) {
    const auto b = static_cast<unsigned char>(token[i]);
    size_t c = b, size = 1;
    // the alphabet's other characters are two bytes long, and none is above U+01FF
    if (b >= 0x80) {
      const bool two = b >= 0xC2 && b < 0xC8 && i + 1 < token.size();
      c = two ? static_cast<size_t>(b & 0x1F) << 6 |
                    (static_cast<unsigned char>(token[i + 1]) & 0x3F)
              : 511;
      size = 2;
    }
    if (alphabet().bytes[c] < 0) {
      out.resize(start);
      out += token;
      return;
    }
    out += static_cast<char>(alphabet().bytes[c]);
    i += size;
  }
}

}  // namespace slipway
