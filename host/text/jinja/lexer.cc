// Cutting templates.
#include "text/jinja/lexer.h"

#include <algorithm>
#include <cctype>

#include "base/error.h"
#include "base/excerpt.h"
#include "text/jinja/characters.h"

namespace slipway::jinja {
namespace {

using Kind = Token::Kind;

// "\r\n" and "\r" are line breaks, and one at the very end is none.
std::string with_line_feeds(std::string_view source) {
  std::string out;
  for (size_t i = 0; i < source.size(); ++i) {
    if (source[i] != '\r') out += source[i];
    else if (out += '\n'; i + 1 < source.size() && source[i + 1] == '\n') ++i;
  }
  if (out.ends_with('\n')) out.pop_back();
  return out;
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_name_byte(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || (c & 0x80) != 0;
}

class Lexer {
 public:
  explicit Lexer(std::string_view source) : source_(with_line_feeds(source)) {}
  std::vector<Token> run();

 private:
  std::string_view rest() const { return std::string_view(source_).substr(at_); }
  bool at(std::string_view text) const { return rest().starts_with(text); }
  void advance(size_t bytes) {
    line_ += static_cast<int>(std::count(source_.begin() + static_cast<std::ptrdiff_t>(at_),
                                         source_.begin() + static_cast<std::ptrdiff_t>(at_ + bytes),
                                         '\n'));
    if (bytes > 0) line_starting_ = source_[at_ + bytes - 1] == '\n';
    at_ += bytes;
  }
  void skip_space() { advance(leading_space(rest())); }
  void add(Kind kind, std::string_view text) {
    tokens_.push_back({kind, std::string(text), line_});
  }
  [[noreturn]] void bad(const std::string& what) const { fail("line {}: {}", line_, what); }

  // The text [at_, end), before a tag with this sign; the tag's opener is what is read next.
  void text_until(size_t end, char sign, bool print);
  char sign_behind(size_t opener) const;
  void comment();
  bool raw();
  // The end of a tag: with `-` white space behind it is left out, else a line break.
  bool tag_end(std::string_view closer, bool trim_line);
  void tag(bool print);
  void tag_token();
  void string_token();
  void number_token();
  bool operator_token();

  std::string source_;
  size_t at_ = 0;
  int line_ = 1;
  bool line_starting_ = true;
  std::vector<Token> tokens_;
  std::string open_;  // brackets of the tag
};

char Lexer::sign_behind(size_t opener) const {
  const char c = opener + 2 < source_.size() ? source_[opener + 2] : '\0';
  return c == '-' || c == '+' ? c : '\0';
}

void Lexer::text_until(size_t end, char sign, bool print) {
  std::string_view text = std::string_view(source_).substr(at_, end - at_);
  const size_t whole = text.size();
  if (sign == '-') text.remove_suffix(trailing_space(text));
  else if (sign != '+' && !print) {
    const size_t line = text.rfind('\n') + 1;  // npos + 1 is 0
    if ((line > 0 || line_starting_) && leading_space(text.substr(line)) == text.size() - line)
      text = text.substr(0, line);
  }
  if (!text.empty()) add(Kind::kText, text);
  advance(whole);
}

bool Lexer::tag_end(std::string_view closer, bool trim_line) {
  if (at("-" + std::string(closer))) {
    advance(1 + closer.size());
    skip_space();
    return true;
  }
  if (trim_line && at("+" + std::string(closer))) {
    advance(1 + closer.size());
    return true;
  }
  if (!at(closer)) return false;
  advance(closer.size() + (trim_line && rest().substr(closer.size()).starts_with('\n') ? 1 : 0));
  return true;
}

void Lexer::comment() {
  const size_t end = source_.find("#}", at_ + 2);
  if (end == std::string::npos) bad("a comment does not end");
  const bool sign = end > at_ + 2 && (source_[end - 1] == '-' || source_[end - 1] == '+');
  advance(end - at_ - (sign ? 1 : 0));
  tag_end("#}", true);
}

// {% raw %} and what follows to {% endraw %}; false where the block's tag is another one.
bool Lexer::raw() {
  const auto word_after = [&](size_t from, std::string_view word) -> size_t {
    from += 2 + (sign_behind(from) != 0 ? 1 : 0);
    const std::string_view text = std::string_view(source_).substr(from);
    const size_t space = leading_space(text);
    if (!text.substr(space).starts_with(word)) return std::string::npos;
    const size_t after = from + space + word.size();
    return after + leading_space(std::string_view(source_).substr(after));
  };
  const size_t after = word_after(at_, "raw");
  if (after == std::string::npos) return false;
  const std::string_view behind = std::string_view(source_).substr(after);
  if (!behind.starts_with("%}") && !behind.starts_with("-%}")) return false;
  advance(after - at_);
  tag_end("%}", false);
  for (size_t end = at_; (end = source_.find("{%", end)) != std::string::npos; end += 2) {
    const size_t closing = word_after(end, "endraw");
    if (closing == std::string::npos) continue;
    text_until(end, sign_behind(end), false);
    advance(closing - at_);
    if (!tag_end("%}", true)) bad("the tag of endraw does not end");
    return true;
  }
  bad("a raw block does not end");
}

void Lexer::string_token() {
  const char quote = source_[at_];
  size_t end = at_ + 1;
  while (end < source_.size() && source_[end] != quote) end += source_[end] == '\\' ? 2 : 1;
  if (end >= source_.size()) bad("a string does not end");
  try {
    add(Kind::kString, unescaped(std::string_view(source_).substr(at_ + 1, end - at_ - 1)));
  } catch (const Error& e) {
    bad(e.what());
  }
  advance(end + 1 - at_);
}

void Lexer::number_token() {
  size_t end = at_;
  const auto digits = [&] {
    while (end < source_.size() && (is_digit(source_[end]) || source_[end] == '_')) ++end;
  };
  digits();
  bool real = false;
  if (end + 1 < source_.size() && source_[end] == '.' && is_digit(source_[end + 1])) {
    real = true;
    ++end;
    digits();
  }
  if (end < source_.size() && (source_[end] == 'e' || source_[end] == 'E')) {
    size_t power = end + 1;
    if (power < source_.size() && (source_[power] == '+' || source_[power] == '-')) ++power;
    if (power < source_.size() && is_digit(source_[power])) {
      real = true;
      end = power;
      digits();
    }
  }
  if (end < source_.size() && is_name_byte(source_[end]))
    bad(fmt::format("\"{}\" is no number", excerpt(rest().substr(0, end + 1 - at_))));
  std::string text(source_, at_, end - at_);
  std::erase(text, '_');
  add(real ? Kind::kReal : Kind::kInteger, text);
  advance(end - at_);
}

bool Lexer::operator_token() {
  static constexpr std::string_view kOperators[] = {
      "//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[",
      "]",  "(",  ")",  "{",  "}",  ">",  "<", "=", ".", ":", "|", ",", ";"};
  for (const std::string_view each : kOperators) {
    if (!at(each)) continue;
    const char c = each[0];
    if (c == '(' || c == '[' || c == '{') open_ += c == '(' ? ')' : c == '[' ? ']' : '}';
    if (c == ')' || c == ']' || c == '}') {
      if (open_.empty() || open_.back() != c) bad(fmt::format("unexpected \"{}\"", c));
      open_.pop_back();
    }
    add(Kind::kOperator, each);
    advance(each.size());
    return true;
  }
  return false;
}

void Lexer::tag_token() {
  const char c = source_[at_];
  if (c == '"' || c == '\'') return string_token();
  if (is_digit(c)) return number_token();
  if (is_name_byte(c)) {
    size_t end = at_;
    while (end < source_.size() && is_name_byte(source_[end])) ++end;
    add(Kind::kName, rest().substr(0, end - at_));
    return advance(end - at_);
  }
  if (!operator_token()) bad(fmt::format("unexpected \"{}\"", excerpt(rest().substr(0, 1))));
}

void Lexer::tag(bool print) {
  const int begun = line_;
  add(print ? Kind::kPrintBegin : Kind::kBlockBegin, "");
  advance(2 + (sign_behind(at_) != 0 ? 1 : 0));
  for (open_.clear();;) {
    skip_space();
    if (at_ >= source_.size()) fail("line {}: a tag that begins here does not end", begun);
    if (open_.empty() && tag_end(print ? "}}" : "%}", !print)) break;
    tag_token();
  }
  add(print ? Kind::kPrintEnd : Kind::kBlockEnd, "");
}

std::vector<Token> Lexer::run() {
  while (at_ < source_.size()) {
    size_t opener = at_;
    const auto is_opener = [&](size_t i) {
      const char c = source_[i + 1];
      return source_[i] == '{' && (c == '%' || c == '{' || c == '#');
    };
    while (opener + 1 < source_.size() && !is_opener(opener)) ++opener;
    if (opener + 1 >= source_.size()) {
      text_until(source_.size(), '+', false);
      break;
    }
    const char kind = source_[opener + 1];
    text_until(opener, sign_behind(opener), kind == '{');
    if (kind == '#') comment();
    else if (kind == '{' || !raw()) tag(kind == '{');
  }
  add(Kind::kEnd, "");
  return std::move(tokens_);
}

}  // namespace

std::vector<Token> tokens_of(std::string_view source) { return Lexer(source).run(); }

}  // namespace slipway::jinja
