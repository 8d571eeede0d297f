// utf8proc behind a small face; the only file that sees it.
#include "text/normal_forms.h"

#include <utf8proc.h>

#include <algorithm>
#include <cstdlib>
#include <memory>

#include "base/error.h"
#include "text/unicode.h"

namespace slipway {
namespace {

bool is_later(char32_t c) {
  const auto it = std::ranges::lower_bound(kLaterCharacters, c, {}, &CodeRange::last);
  return it != kLaterCharacters.end() && it->first <= c;
}

bool is_ascii(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

void append_mapped(std::string_view run, utf8proc_option_t options, std::string& out) {
  if (run.empty()) return;
  utf8proc_uint8_t* mapped = nullptr;
  const utf8proc_ssize_t size =
      utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(run.data()),
                   static_cast<utf8proc_ssize_t>(run.size()), &mapped, options);
  const std::unique_ptr<utf8proc_uint8_t, void (*)(void*)> owner(mapped, &std::free);
  if (size < 0) fail("normalizing a text failed: {}", utf8proc_errmsg(size));
  out.append(reinterpret_cast<const char*>(mapped), static_cast<size_t>(size));
}

char32_t small(char32_t c) {
  const auto it = std::ranges::lower_bound(kLowerCase, c, {}, &CaseRange::last);
  if (it == kLowerCase.end() || c < it->first || (c - it->first) % it->step != 0) return c;
  return static_cast<char32_t>(static_cast<int32_t>(c) + it->delta);
}

}  // namespace

std::string normal_form(std::string_view text, NormalForm form) {
  if (is_ascii(text)) return std::string(text);
  int options = UTF8PROC_STABLE;
  if (form == NormalForm::kNfc || form == NormalForm::kNfkc) options |= UTF8PROC_COMPOSE;
  else options |= UTF8PROC_DECOMPOSE;
  if (form == NormalForm::kNfkc || form == NormalForm::kNfkd) options |= UTF8PROC_COMPAT;
  std::string out;
  out.reserve(text.size());
  size_t begin = 0;
  for (size_t at = 0; at < text.size();) {
    const CodePoint c = code_point_at(text, at);
    if (is_later(c.value)) {
      append_mapped(text.substr(begin, at - begin), static_cast<utf8proc_option_t>(options), out);
      out.append(text.substr(at, c.size));
      begin = at + c.size;
    }
    at += c.size;
  }
  append_mapped(text.substr(begin), static_cast<utf8proc_option_t>(options), out);
  return out;
}

std::string lower_case(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    const CodePoint c = code_point_at(text, at);
    at += c.size;
    if (c.value == 0x130) out += "i\u0307";
    else append_code_point(small(c.value), out);
  }
  return out;
}

size_t grapheme_end(std::string_view text, size_t at) {
  CodePoint before = code_point_at(text, at);
  utf8proc_int32_t state = 0;
  for (at += before.size; at < text.size(); at += before.size) {
    const CodePoint c = code_point_at(text, at);
    if (utf8proc_grapheme_break_stateful(static_cast<utf8proc_int32_t>(before.value),
                                         static_cast<utf8proc_int32_t>(c.value), &state))
      break;
    before = c;
  }
  return at;
}

}  // namespace slipway
