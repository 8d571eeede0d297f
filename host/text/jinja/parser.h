// Reading tokens into a template's syntax, by jinja2's grammar.
#pragma once
#include <set>
#include <string_view>

#include "text/jinja/lexer.h"
#include "text/jinja/syntax.h"

namespace slipway::jinja {

class Parser {
 public:
  explicit Parser(std::vector<Token> tokens) : tokens_(std::move(tokens)) {}

  // Statements up to the end, or to a block whose word is one of `ends`; that word is next then.
  Body body(const std::set<std::string_view>& ends);

 private:
  using Kind = Token::Kind;
  using Expressions = std::vector<ExpressionPtr>;

  // parser.cc
  const Token& now() const { return tokens_[at_]; }
  const Token& then() const { return tokens_[std::min(at_ + 1, tokens_.size() - 1)]; }
  Token take();
  bool is(Kind kind, std::string_view text) const;
  bool is_operator(std::string_view text) const { return is(Kind::kOperator, text); }
  bool is_word(std::string_view text) const { return is(Kind::kName, text); }
  bool skip_operator(std::string_view text);
  bool skip_word(std::string_view text);
  void expect_operator(std::string_view text);
  std::string expect_name();
  void expect_word(std::string_view text);
  [[noreturn]] void bad(const std::string& what) const;
  [[noreturn]] void unexpected() const;

  // parse_statements.cc
  Statement statement();
  // Behind a block's opening tag: its end, the body to the word `end`, and the closing tag's end.
  Body block(std::string_view end);
  void end_tag();
  Statement if_block();
  Statement for_block();
  Statement set();
  Statement macro();
  Statement call_block();
  Statement with();
  Target target(bool several);
  std::vector<Parameter> parameters();

  // parse_expressions.cc
  static ExpressionPtr make(Expression::Kind kind, int line, Expressions parts,
                            std::string name = {});
  ExpressionPtr expression();  // a tuple without brackets too
  ExpressionPtr single(bool conditional = true);
  ExpressionPtr alternative();
  ExpressionPtr conjunction();
  ExpressionPtr negation();
  ExpressionPtr comparison();
  ExpressionPtr sum();
  ExpressionPtr concatenation();
  ExpressionPtr product();
  ExpressionPtr power();
  ExpressionPtr unary(bool filters = true);
  ExpressionPtr primary();
  ExpressionPtr list();
  ExpressionPtr dict();
  ExpressionPtr in_brackets();
  ExpressionPtr postfix(ExpressionPtr base);
  ExpressionPtr subscript(ExpressionPtr base);
  ExpressionPtr called(ExpressionPtr base);
  ExpressionPtr filtered(ExpressionPtr base);
  ExpressionPtr filter(ExpressionPtr base);
  ExpressionPtr test(ExpressionPtr base);
  void arguments(Expression& into);

  std::vector<Token> tokens_;
  size_t at_ = 0;
  int depth_ = 0, loops_ = 0;
  std::set<std::string> spoken_;  // names in the macro that is read

  struct Deeper;
};

// Counts what lies within each other.
struct Parser::Deeper {
  explicit Deeper(Parser& parser) : depth(parser.depth_) {
    if (++depth > 200) parser.bad("blocks or expressions lie within each other more than 200 deep");
  }
  ~Deeper() { --depth; }
  int& depth;
};

}  // namespace slipway::jinja
