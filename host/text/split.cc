// PCRE2 behind a small face; the only file that sees it.
#define PCRE2_CODE_UNIT_WIDTH 8
#include "text/split.h"

#include <pcre2.h>

#include <algorithm>
#include <cctype>

#include "base/error.h"
#include "text/unicode.h"

namespace slipway {
namespace {

// Members of a character class. PCRE2 counts U+180E as white space, and combining marks as no word
// characters.
constexpr const char* kSpaces =
    R"(\x{9}-\x{D}\x{20}\x{85}\x{A0}\x{1680}\x{2000}-\x{200A}\x{2028}\x{2029}\x{202F}\x{205F}\x{3000})";
constexpr const char* kNoSpaces =
    R"(\x{0}-\x{8}\x{E}-\x{1F}\x{21}-\x{84}\x{86}-\x{9F}\x{A1}-\x{167F}\x{1681}-\x{1FFF}\x{200B}-\x{2027})"
    R"(\x{202A}-\x{202E}\x{2030}-\x{205E}\x{2060}-\x{2FFF}\x{3001}-\x{10FFFF})";
// beside letters, marks, decimal and letter numbers, and connectors
constexpr const char* kMoreWord =
    R"(\x{B2}\x{B3}\x{B9}\x{BC}-\x{BE}\x{24B6}-\x{24E9}\x{1F130}-\x{1F149}\x{1F150}-\x{1F169}\x{1F170}-\x{1F189})";

// \p{name} and what it gained since Unicode 14.
std::string category(std::string_view name) {
  std::string out = fmt::format("\\p{{{}}}", name);
  for (const CategoryAddition& each : kCategoryAdditions)
    if (std::string_view(each.category).starts_with(name)) {
      out += fmt::format("\\x{{{:X}}}", static_cast<uint32_t>(each.first));
      if (each.last != each.first)
        out += fmt::format("-\\x{{{:X}}}", static_cast<uint32_t>(each.last));
    }
  return out;
}

// What stands for the escape at the start of `rest` inside a class, "" = itself; `size`: its bytes,
// `negated`: its complement.
std::string members(std::string_view rest, size_t& size, bool& negated) {
  size = 2;
  negated = false;
  if (rest.size() < 2) return "";
  const char c = rest[1];
  if (c == 's' || c == 'S') return negated = c == 'S', kSpaces;
  if (c == 'd' || c == 'D') return negated = c == 'D', category("Nd");
  if (c == 'w' || c == 'W')
    return negated = c == 'W', category("L") + category("M") + category("Nd") + category("Nl") +
                                   category("Pc") + kMoreWord;
  if (c != 'p' && c != 'P') return "";
  const size_t close = rest.find('}');
  if (rest.size() < 5 || rest[2] != '{' || close == std::string_view::npos) return "";
  std::string_view name = rest.substr(3, close - 3);
  negated = c == 'P';
  if (name.starts_with('^')) {
    name.remove_prefix(1);
    negated = !negated;
  }
  if (name.empty() || name.size() > 2 ||
      std::string_view("LMNPSC").find(name[0]) == std::string_view::npos)
    return "";
  if (name == "C" || name == "Cn") return "";  // lost what the others gained; left to PCRE2
  size = close + 1;
  return category(name);
}

// The pattern with every class escape written out, so that it means the same with any PCRE2.
std::string written_out(const std::string& regex) {
  std::string out;
  int depth = 0;  // of [ ]
  for (size_t i = 0; i < regex.size();) {
    const std::string_view rest = std::string_view(regex).substr(i);
    if (rest.starts_with("\\Q")) {
      const size_t end = std::min(regex.find("\\E", i), regex.size() - 2) + 2;
      out.append(regex, i, end - i);
      i = end;
      continue;
    }
    if (rest[0] != '\\') {
      if (rest[0] == '[') {
        const bool posix = depth > 0 && rest.starts_with("[:");
        if (!posix) ++depth;
        out += '[';
        ++i;
        if (!posix && i < regex.size() && regex[i] == '^') out += regex[i++];
        // a first ] is a member
        if (!posix && i < regex.size() && regex[i] == ']') out += regex[i++];
        if (posix)
          while (i < regex.size() && regex[i - 1] != ']') out += regex[i++];
        continue;
      }
      if (rest[0] == ']' && depth > 0) --depth;
      out += rest[0];
      ++i;
      continue;
    }
    size_t size = 2;
    bool negated = false;
    const std::string set = members(rest, size, negated);
    if (set.empty() || (negated && depth > 0)) {
      if (set == kSpaces) out += kNoSpaces;
      else
        // the complement of a category within a class is left to PCRE2
        out += rest.substr(0, size);
    } else if (depth > 0) {
      out += set;
    } else {
      out += negated ? "[^" : "[";
      out += set + "]";
    }
    i += size;
  }
  return out;
}

}  // namespace

struct Pattern::Code {
  pcre2_code* code = nullptr;
  ~Code() { pcre2_code_free(code); }
};

Pattern::Pattern(const std::string& regex, const std::string& origin)
    : code_(std::make_unique<Code>()) {
  const std::string full = written_out(regex);
  int error = 0;
  PCRE2_SIZE at = 0;
  code_->code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(full.data()), full.size(),
                              PCRE2_UTF | PCRE2_UCP, &error, &at, nullptr);
  if (code_->code == nullptr) {
    PCRE2_UCHAR text[256];
    pcre2_get_error_message(error, text, sizeof text);
    fail("{}: the pattern \"{}\" does not compile: {}", origin, regex,
         reinterpret_cast<const char*>(text));
  }
  pcre2_jit_compile(code_->code, PCRE2_JIT_COMPLETE);  // without it the same matches, slower
}

Pattern::~Pattern() = default;
Pattern::Pattern(Pattern&&) noexcept = default;
Pattern& Pattern::operator=(Pattern&&) noexcept = default;

bool Pattern::matches_empty() const {
  const std::unique_ptr<pcre2_match_data, void (*)(pcre2_match_data*)> match(
      pcre2_match_data_create_from_pattern(code_->code, nullptr), &pcre2_match_data_free);
  return pcre2_match(code_->code, reinterpret_cast<PCRE2_SPTR>(""), 0, 0, 0, match.get(),
                     nullptr) != PCRE2_ERROR_NOMATCH;
}

void Pattern::cut(std::string_view text,
                  const std::function<void(std::string_view, bool)>& piece) const {
  const std::unique_ptr<pcre2_match_data, void (*)(pcre2_match_data*)> match(
      pcre2_match_data_create_from_pattern(code_->code, nullptr), &pcre2_match_data_free);
  const auto* subject = reinterpret_cast<PCRE2_SPTR>(text.data());
  size_t done = 0, from = 0;
  while (from <= text.size()) {
    int found = pcre2_match(code_->code, subject, text.size(), from, PCRE2_NO_UTF_CHECK,
                            match.get(), nullptr);
    if (found == PCRE2_ERROR_JIT_STACKLIMIT)  // the interpreter keeps its stack on the heap
      found = pcre2_match(code_->code, subject, text.size(), from,
                          PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, match.get(), nullptr);
    if (found == PCRE2_ERROR_NOMATCH) break;
    if (found < 0)
      fail("cutting {} bytes of text into words failed with PCRE2 error {}", text.size(), found);
    const PCRE2_SIZE* span = pcre2_get_ovector_pointer(match.get());
    if (span[0] > done) piece(text.substr(done, span[0] - done), false);
    if (span[1] > span[0]) piece(text.substr(span[0], span[1] - span[0]), true);
    done = span[1];
    from = span[1] > span[0] ? span[1] : span[1] + 1;
    while (from < text.size() && (static_cast<unsigned char>(text[from]) & 0xC0) == 0x80) ++from;
  }
  if (done < text.size()) piece(text.substr(done), false);
}

std::string literal_pattern(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x80 && !std::isalnum(static_cast<unsigned char>(c)))
      out += '\\';
    out += c;
  }
  return out;
}

}  // namespace slipway
