// What all of a template's grammar is read with.
#include "text/jinja/parser.h"

#include "base/error.h"
#include "base/excerpt.h"

namespace slipway::jinja {

Token Parser::take() {
  Token out = now();
  if (at_ + 1 < tokens_.size()) ++at_;
  return out;
}

bool Parser::is(Kind kind, std::string_view text) const {
  return now().kind == kind && now().text == text;
}

bool Parser::skip_operator(std::string_view text) {
  const bool found = is_operator(text);
  if (found) ++at_;
  return found;
}

bool Parser::skip_word(std::string_view text) {
  const bool found = is_word(text);
  if (found) ++at_;
  return found;
}

void Parser::expect_operator(std::string_view text) {
  if (!skip_operator(text)) bad(fmt::format("\"{}\" is missing", text));
}

void Parser::expect_word(std::string_view text) {
  if (!skip_word(text)) bad(fmt::format("\"{}\" is missing", text));
}

std::string Parser::expect_name() {
  if (now().kind != Kind::kName) bad("a name is missing");
  return take().text;
}

void Parser::bad(const std::string& what) const { fail("line {}: {}", now().line, what); }

void Parser::unexpected() const {
  if (now().kind == Kind::kEnd) bad("the template ends in the middle of a block");
  if (now().kind == Kind::kBlockEnd || now().kind == Kind::kPrintEnd)
    bad("an expression is missing");
  bad(fmt::format("unexpected \"{}\"", excerpt(now().text, 40)));
}

Body parse(std::string_view source) {
  Parser parser(tokens_of(source));
  return parser.body({});
}

}  // namespace slipway::jinja
