// Operations on texts.
#include "text/jinja/text_operations.h"

#include <algorithm>
#include <charconv>

#include "base/error.h"
#include "base/excerpt.h"
#include "text/jinja/characters.h"
#include "text/jinja/operators.h"
#include "text/unicode.h"

namespace slipway::jinja {
namespace {

bool is_in(const std::optional<std::string>& set, std::string_view text, const CodePoint& c,
           size_t at) {
  if (!set) return is_space(c.value);
  for (size_t i = 0; i < set->size(); i = next_character(*set, i))
    if (std::string_view(*set).substr(i, next_character(*set, i) - i) == text.substr(at, c.size))
      return true;
  return false;
}

bool ends_line(char32_t c) {
  return (c >= 0x0A && c <= 0x0D) || (c >= 0x1C && c <= 0x1E) || c == 0x85 || c == 0x2028 ||
         c == 0x2029;
}

}  // namespace

MarkedText stripped(const MarkedText& text, const std::optional<std::string>& set, bool left,
                    bool right) {
  const std::string_view bytes = text.bytes;
  size_t begin = 0, end = bytes.size();
  while (left && begin < end) {
    const CodePoint c = code_point_at(bytes, begin);
    if (!is_in(set, bytes, c, begin)) break;
    begin += c.size;
  }
  while (right && end > begin) {
    const CodePoint c = code_point_before(bytes, end);
    if (!is_in(set, bytes, c, end - c.size)) break;
    end -= c.size;
  }
  return text.part(begin, end - begin);
}

std::vector<MarkedText> split_by_space(const MarkedText& text, int64_t most) {
  std::vector<MarkedText> out;
  const std::string_view bytes = text.bytes;
  size_t at = leading_space(bytes);
  while (at < bytes.size()) {
    if (most >= 0 && static_cast<int64_t>(out.size()) == most) {
      out.push_back(text.part(at));
      break;
    }
    size_t end = at;
    while (end < bytes.size() && !is_space(code_point_at(bytes, end).value))
      end = next_character(bytes, end);
    out.push_back(text.part(at, end - at));
    at = end + leading_space(bytes.substr(end));
  }
  return out;
}

std::vector<MarkedText> split_by(const MarkedText& text, const std::string& by, int64_t most,
                                 bool from_right) {
  if (by.empty()) fail("split() gets an empty text to split by");
  std::vector<size_t> places;
  const auto more = [&] { return most < 0 || static_cast<int64_t>(places.size()) < most; };
  if (!from_right) {
    for (size_t at = 0; more() && (at = text.bytes.find(by, at)) != std::string::npos;
         at += by.size())
      places.push_back(at);
  } else {
    for (size_t end = text.bytes.size(); more() && end >= by.size();) {
      const size_t at = text.bytes.rfind(by, end - by.size());
      if (at == std::string::npos) break;
      places.push_back(at);
      end = at;
    }
    std::ranges::reverse(places);
  }
  std::vector<MarkedText> out;
  size_t begin = 0;
  for (const size_t at : places) {
    out.push_back(text.part(begin, at - begin));
    begin = at + by.size();
  }
  out.push_back(text.part(begin));
  return out;
}

std::vector<MarkedText> lines_of(const MarkedText& text, bool keep_ends) {
  std::vector<MarkedText> out;
  const std::string_view bytes = text.bytes;
  for (size_t begin = 0, at = 0; begin < bytes.size(); begin = at) {
    while (at < bytes.size() && !ends_line(code_point_at(bytes, at).value))
      at = next_character(bytes, at);
    const size_t end = at;
    if (at < bytes.size())
      at += bytes.substr(at).starts_with("\r\n") ? 2 : code_point_at(bytes, at).size;
    out.push_back(text.part(begin, (keep_ends ? at : end) - begin));
  }
  return out;
}

Value replaced(Interpreter& run, const String& self, const String& before, const String& after,
               int64_t most) {
  const std::string &from = before.text.bytes, &bytes = self.text.bytes;
  const MarkedText to = self.markup ? escaped(after) : after.text;
  MarkedText out;
  const auto put = [&](size_t begin, size_t end) {
    run.spend(end - begin + to.bytes.size() + 1);
    out.append(self.text, begin, end - begin);
  };
  size_t begin = 0;
  for (size_t at = 0; most != 0 && at <= bytes.size(); --most) {
    const size_t found = bytes.find(from, at);
    if (found == std::string::npos) break;
    put(begin, found);
    out.append(to);
    begin = found + from.size();
    // an empty text is found before every character and at the end
    at = from.empty() ? (found < bytes.size() ? next_character(bytes, found) : found + 1) : begin;
  }
  put(begin, bytes.size());
  return Value(std::move(out), self.markup);
}

MarkedText widened(Interpreter& run, const MarkedText& text, int64_t width, const std::string& fill,
                   int side) {
  const int64_t missing = width - static_cast<int64_t>(count_characters(text.bytes));
  if (missing <= 0) return text;
  run.spend(static_cast<size_t>(missing) * fill.size() + text.bytes.size());
  // as str.center() rounds
  const int64_t left = side < 0 ? 0 : side > 0 ? missing : missing / 2 + (missing & width & 1);
  MarkedText out;
  for (int64_t i = 0; i < left; ++i) out.append(fill);
  out.append(text);
  for (int64_t i = left; i < missing; ++i) out.append(fill);
  return out;
}

namespace {

const Value& field_of(const std::string& name, const Arguments& given, size_t& next) {
  size_t place = 0;
  const auto result = std::from_chars(name.data(), name.data() + name.size(), place);
  if (name.empty()) place = next++;
  else if (result.ec != std::errc() || result.ptr != name.data() + name.size()) {
    if (name.find_first_of(":!.[") != std::string::npos)
      fail("format(): the field {{{}}} is not supported; {{}} and {{name}} are", excerpt(name));
    for (const auto& [each, value] : given.named)
      if (each == name) return value;
    fail("format() gets no \"{}\"", excerpt(name));
  }
  if (place >= given.positional.size())
    fail("format() gets {} values, and {} is asked for", given.positional.size(), place);
  return given.positional[place];
}

}  // namespace

MarkedText formatted(Interpreter& run, const MarkedText& form, const Arguments& given) {
  MarkedText out;
  size_t next = 0;
  const std::string& bytes = form.bytes;
  run.spend(bytes.size());
  for (size_t at = 0; at < bytes.size(); ++at) {
    const char c = bytes[at];
    if ((c == '{' || c == '}') && at + 1 < bytes.size() && bytes[at + 1] == c) {
      out.append(form, at++, 1);
    } else if (c == '{') {
      const size_t end = bytes.find('}', at);
      if (end == std::string::npos) fail("format(): a field does not end");
      const Value& value = field_of(bytes.substr(at + 1, end - at - 1), given, next);
      const MarkedText text = shown(run, value);
      run.spend(text.bytes.size());
      out.append(text);
      at = end;
    } else if (c == '}') {
      fail("format(): a \"}}\" without a \"{{\"");
    } else {
      out.append(form, at, 1);
    }
  }
  return out;
}

MarkedText cased(const MarkedText& text, Casing casing) {
  MarkedText out;
  bool first = true, inside = false;
  for (size_t at = 0; at < text.bytes.size();) {
    const CodePoint c = code_point_at(text.bytes, at);
    char32_t next = c.value;
    switch (casing) {
      case Casing::kUpper:
        next = upper_of(c.value);
        break;
      case Casing::kLower:
        next = lower_of(c.value);
        break;
      case Casing::kSwap:
        next = is_capital(c.value) ? lower_of(c.value) : upper_of(c.value);
        break;
      case Casing::kCapitalize:
        next = first ? title_of(c.value) : lower_of(c.value);
        break;
      case Casing::kTitle:
        next = inside ? lower_of(c.value) : title_of(c.value);
        break;
    }
    inside = has_case(c.value);
    first = false;
    std::string bytes;
    append_utf8(next, bytes);
    out.append(bytes, text.mark(at));
    at += c.size;
  }
  return out;
}

bool all_characters(const std::string& text, CharacterTest test) {
  bool any_cased = false;
  for (size_t at = 0; at < text.size();) {
    const CodePoint c = code_point_at(text, at);
    at += c.size;
    const auto digit = [&] {
      if (c.value >= 0x80 && !is_decimal(c.value) && (char_class(c.value) & (kNumber | kNumeric)))
        fail("whether U+{:04X} is a digit is not supported", static_cast<uint32_t>(c.value));
      return is_decimal(c.value);
    };
    const bool is_upper = is_capital(c.value), is_lower = has_case(c.value) && !is_upper;
    any_cased |= is_upper || is_lower;
    const bool holds = test == CharacterTest::kSpace           ? is_space(c.value)
                       : test == CharacterTest::kLetter        ? is_letter(c.value)
                       : test == CharacterTest::kDigit         ? digit()
                       : test == CharacterTest::kDecimal       ? is_decimal(c.value)
                       : test == CharacterTest::kLetterOrDigit ? is_letter(c.value) || digit()
                       : test == CharacterTest::kUpper         ? !is_lower
                       : test == CharacterTest::kLower         ? !is_upper
                                                               : c.value < 0x80;
    if (!holds) return false;
  }
  if (test == CharacterTest::kUpper || test == CharacterTest::kLower) return any_cased;
  return !text.empty() || test == CharacterTest::kAscii;
}

}  // namespace slipway::jinja
