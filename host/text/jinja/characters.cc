// Characters.
#include "text/jinja/characters.h"

#include <utf8proc.h>

#include "base/error.h"
#include "text/unicode.h"

namespace slipway::jinja {

bool is_space(char32_t c) {
  return (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x20) || c == 0x85 || c == 0xA0 ||
         c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F ||
         c == 0x205F || c == 0x3000;
}

size_t leading_space(std::string_view text) {
  size_t at = 0;
  while (at < text.size()) {
    const CodePoint c = code_point_at(text, at);
    if (!is_space(c.value)) break;
    at += c.size;
  }
  return at;
}

size_t trailing_space(std::string_view text) {
  size_t end = text.size();
  while (end > 0) {
    const CodePoint c = code_point_before(text, end);
    if (!is_space(c.value)) break;
    end -= c.size;
  }
  return text.size() - end;
}

size_t next_character(std::string_view text, size_t at) {
  return at + code_point_at(text, at).size;
}

size_t count_characters(std::string_view text) {
  size_t out = 0;
  for (const char c : text) out += (c & 0xC0) != 0x80 ? 1 : 0;
  return out;
}

void append_utf8(char32_t c, std::string& out) {
  utf8proc_uint8_t bytes[4];
  const auto size = utf8proc_encode_char(static_cast<utf8proc_int32_t>(c), bytes);
  out.append(reinterpret_cast<const char*>(bytes), static_cast<size_t>(size));
}

namespace {

// The number that `digits` hexadecimal digits at `at` are.
char32_t escaped_number(std::string_view text, size_t at, size_t digits) {
  char32_t out = 0;
  if (at + digits > text.size()) fail("an escape of a string is cut short");
  for (size_t i = at; i < at + digits; ++i) {
    const char c = text[i];
    const int digit = c >= '0' && c <= '9'   ? c - '0'
                      : c >= 'a' && c <= 'f' ? c - 'a' + 10
                      : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                             : -1;
    if (digit < 0) fail("an escape of a string has \"{}\" where a digit is needed", c);
    out = out * 16 + static_cast<char32_t>(digit);
  }
  if (out > 0x10FFFF || (out >= 0xD800 && out < 0xE000))
    fail("an escape of a string stands for no character");
  return out;
}

}  // namespace

std::string unescaped(std::string_view literal) {
  static constexpr std::string_view kPlain = "\\'\"abfnrtv", kMeaning = "\\'\"\a\b\f\n\r\t\v";
  std::string out;
  for (size_t i = 0; i < literal.size(); ++i) {
    if (literal[i] != '\\') {
      out += literal[i];
      continue;
    }
    const char c = literal[++i];
    if (const size_t plain = kPlain.find(c); plain != std::string_view::npos) {
      out += kMeaning[plain];
    } else if (c == 'x' || c == 'u' || c == 'U') {
      const size_t digits = c == 'x' ? 2 : c == 'u' ? 4 : 8;
      append_utf8(escaped_number(literal, i + 1, digits), out);
      i += digits;
    } else if (c >= '0' && c <= '7') {
      char32_t number = 0;
      size_t end = i;
      while (end < literal.size() && end < i + 3 && literal[end] >= '0' && literal[end] <= '7')
        number = number * 8 + static_cast<char32_t>(literal[end++] - '0');
      append_utf8(number, out);
      i = end - 1;
    } else if (c == 'N') {
      fail("characters by name (\\N) are not supported");
    } else if (c != '\n') {  // an escaped line break is nothing, another escape itself
      out += '\\';
      out += c;
    }
  }
  return out;
}

namespace {

// Characters that str.upper() and str.title() make several of.
bool becomes_several(char32_t c) {
  return c == 0xDF || c == 0x149 || c == 0x1F0 || c == 0x390 || c == 0x3B0 || c == 0x587 ||
         (c >= 0x1E96 && c <= 0x1E9A) || (c >= 0x1F50 && c <= 0x1F56) ||
         (c >= 0x1F80 && c <= 0x1FFC) || (c >= 0xFB00 && c <= 0xFB17);
}

char32_t simple(char32_t c, utf8proc_int32_t (*map)(utf8proc_int32_t), bool refused) {
  if (refused)
    fail("U+{:04X} in capitals or small letters is no single character, which is not supported",
         static_cast<uint32_t>(c));
  return static_cast<char32_t>(map(static_cast<utf8proc_int32_t>(c)));
}

utf8proc_category_t category(char32_t c) {
  return utf8proc_category(static_cast<utf8proc_int32_t>(c));
}

}  // namespace

char32_t upper_of(char32_t c) { return simple(c, utf8proc_toupper, becomes_several(c)); }
// A capital sigma goes by what stands around it.
char32_t lower_of(char32_t c) { return simple(c, utf8proc_tolower, c == 0x130 || c == 0x3A3); }
char32_t title_of(char32_t c) { return simple(c, utf8proc_totitle, becomes_several(c)); }

bool is_letter(char32_t c) {
  const auto of = category(c);
  return of >= UTF8PROC_CATEGORY_LU && of <= UTF8PROC_CATEGORY_LO;
}

bool is_decimal(char32_t c) { return category(c) == UTF8PROC_CATEGORY_ND; }

bool is_capital(char32_t c) {
  return category(c) == UTF8PROC_CATEGORY_LU || category(c) == UTF8PROC_CATEGORY_LT;
}

bool has_case(char32_t c) {
  const auto of = category(c);
  return of >= UTF8PROC_CATEGORY_LU && of <= UTF8PROC_CATEGORY_LT;
}

bool is_printable(char32_t c) {
  switch (category(c)) {
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_CN:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
      return false;
    case UTF8PROC_CATEGORY_ZS:
      return c == ' ';
    default:
      return true;
  }
}

}  // namespace slipway::jinja
