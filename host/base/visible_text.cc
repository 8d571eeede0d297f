// Control characters made visible.
#include "base/visible_text.h"

namespace slipway {
namespace {

std::string escaped(std::string_view text, bool one_line) {
  constexpr char kHex[] = "0123456789abcdef";
  std::string out;
  out.reserve(text.size());
  const auto hex = [&](unsigned char byte) {
    out += {'\\', 'x', kHex[byte >> 4], kHex[byte & 15]};
  };
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const unsigned char next = i + 1 < text.size() ? static_cast<unsigned char>(text[i + 1]) : 0;
    if (byte == '\n' || byte == '\t') {
      if (one_line) out += byte == '\n' ? "\\n" : "\\t";
      else out += text[i];
    } else if (byte == '\r') {
      out += "\\r";
    } else if (byte < 0x20 || byte == 0x7f) {
      hex(byte);
    } else if (byte == 0xc2 && next >= 0x80 &&
               next < 0xa0) {  // U+0080 to U+009F: terminals obey these too
      hex(next);
      ++i;
    } else {
      out += text[i];
    }
  }
  return out;
}

}  // namespace

std::string visible_text(std::string_view text) { return escaped(text, false); }
std::string visible_line(std::string_view text) { return escaped(text, true); }

}  // namespace slipway
