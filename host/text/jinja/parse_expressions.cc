// Expressions, from the loosest binding to the tightest.
#include <charconv>

#include "base/error.h"
#include "text/jinja/parser.h"

namespace slipway::jinja {

using Is = Expression::Kind;

ExpressionPtr Parser::make(Is kind, int line, Expressions parts, std::string name) {
  auto out = std::make_unique<Expression>(Expression{.kind = kind, .line = line});
  out->name = std::move(name);
  out->parts = std::move(parts);
  return out;
}

namespace {

std::vector<ExpressionPtr> pair_of(ExpressionPtr a, ExpressionPtr b) {
  std::vector<ExpressionPtr> out;
  out.push_back(std::move(a));
  out.push_back(std::move(b));
  return out;
}

std::vector<ExpressionPtr> one_of(ExpressionPtr a) {
  std::vector<ExpressionPtr> out;
  out.push_back(std::move(a));
  return out;
}

ExpressionPtr constant(int line, Value value) {
  return std::make_unique<Expression>(
      Expression{.kind = Is::kConstant, .line = line, .constant = std::move(value)});
}

}  // namespace

ExpressionPtr Parser::expression() {
  const int line = now().line;
  ExpressionPtr first = single();
  if (!is_operator(",")) return first;
  Expressions parts = one_of(std::move(first));
  while (skip_operator(",")) {
    if (now().kind == Kind::kBlockEnd || now().kind == Kind::kPrintEnd || is_operator(")")) break;
    parts.push_back(single());
  }
  return make(Is::kTuple, line, std::move(parts));
}

ExpressionPtr Parser::single(bool conditional) {
  const Deeper deeper(*this);
  const int line = now().line;
  ExpressionPtr out = alternative();
  while (conditional && skip_word("if")) {
    Expressions parts = pair_of(std::move(out), alternative());
    parts.push_back(skip_word("else") ? single() : nullptr);
    out = make(Is::kChoose, line, std::move(parts));
  }
  return out;
}

ExpressionPtr Parser::alternative() {
  const int line = now().line;
  ExpressionPtr out = conjunction();
  while (skip_word("or")) out = make(Is::kOr, line, pair_of(std::move(out), conjunction()));
  return out;
}

ExpressionPtr Parser::conjunction() {
  const int line = now().line;
  ExpressionPtr out = negation();
  while (skip_word("and")) out = make(Is::kAnd, line, pair_of(std::move(out), negation()));
  return out;
}

ExpressionPtr Parser::negation() {
  const Deeper deeper(*this);
  const int line = now().line;
  if (skip_word("not")) return make(Is::kNot, line, one_of(negation()));
  return comparison();
}

ExpressionPtr Parser::comparison() {
  const int line = now().line;
  ExpressionPtr first = sum();
  std::unique_ptr<Expression> out;
  for (;;) {
    std::string name;
    for (const char* each : {"==", "!=", "<=", ">=", "<", ">"})
      if (name.empty() && skip_operator(each)) name = each;
    if (name.empty() && skip_word("in")) name = "in";
    if (name.empty() && is_word("not") && then().kind == Kind::kName && then().text == "in") {
      take();
      take();
      name = "not in";
    }
    if (name.empty()) break;
    if (!out) {
      out = std::make_unique<Expression>(Expression{.kind = Is::kCompare, .line = line});
      out->parts.push_back(std::move(first));
    }
    out->names.push_back(std::move(name));
    out->parts.push_back(sum());
  }
  return out ? ExpressionPtr(std::move(out)) : std::move(first);
}

ExpressionPtr Parser::sum() {
  const int line = now().line;
  ExpressionPtr out = concatenation();
  while (is_operator("+") || is_operator("-")) {
    std::string name = take().text;
    out = make(Is::kArithmetic, line, pair_of(std::move(out), concatenation()), std::move(name));
  }
  return out;
}

ExpressionPtr Parser::concatenation() {
  const int line = now().line;
  ExpressionPtr first = product();
  if (!is_operator("~")) return first;
  Expressions parts = one_of(std::move(first));
  while (skip_operator("~")) parts.push_back(product());
  return make(Is::kConcatenate, line, std::move(parts));
}

ExpressionPtr Parser::product() {
  const int line = now().line;
  ExpressionPtr out = power();
  while (is_operator("*") || is_operator("/") || is_operator("//") || is_operator("%")) {
    std::string name = take().text;
    out = make(Is::kArithmetic, line, pair_of(std::move(out), power()), std::move(name));
  }
  return out;
}

ExpressionPtr Parser::power() {
  const int line = now().line;
  ExpressionPtr out = unary();
  while (skip_operator("**"))
    out = make(Is::kArithmetic, line, pair_of(std::move(out), unary()), "**");
  return out;
}

ExpressionPtr Parser::unary(bool filters) {
  const Deeper deeper(*this);
  const int line = now().line;
  ExpressionPtr out;
  if (skip_operator("-")) out = make(Is::kNegative, line, one_of(unary(false)));
  else if (skip_operator("+")) out = make(Is::kPositive, line, one_of(unary(false)));
  else out = primary();
  out = postfix(std::move(out));
  return filters ? filtered(std::move(out)) : std::move(out);
}

ExpressionPtr Parser::primary() {
  const Token token = now();
  const int line = token.line;
  switch (token.kind) {
    case Kind::kName: {
      take();
      if (token.text == "true" || token.text == "True") return constant(line, Value(true));
      if (token.text == "false" || token.text == "False") return constant(line, Value(false));
      if (token.text == "none" || token.text == "None") return constant(line, Value());
      spoken_.insert(token.text);
      return make(Is::kVariable, line, {}, token.text);
    }
    case Kind::kString: {
      std::string text;
      while (now().kind == Kind::kString) text += take().text;
      return constant(line, Value(std::move(text)));
    }
    case Kind::kInteger: {
      int64_t number = 0;
      const char* end = token.text.data() + token.text.size();
      if (std::from_chars(token.text.data(), end, number).ec != std::errc())
        bad(fmt::format("the number {} is larger than 64 bits hold", token.text));
      take();
      return constant(line, Value(number));
    }
    case Kind::kReal:
      take();
      return constant(line, Value(std::stod(token.text)));
    case Kind::kOperator:
      if (is_operator("(")) return in_brackets();
      if (is_operator("[")) return list();
      if (is_operator("{")) return dict();
      [[fallthrough]];
    default:
      unexpected();
  }
}

ExpressionPtr Parser::in_brackets() {
  const int line = take().line;
  if (skip_operator(")")) return make(Is::kTuple, line, {});
  ExpressionPtr out = expression();
  expect_operator(")");
  return out;
}

ExpressionPtr Parser::list() {
  const int line = take().line;
  Expressions parts;
  while (!skip_operator("]")) {
    if (!parts.empty()) expect_operator(",");
    if (skip_operator("]")) break;
    parts.push_back(single());
  }
  return make(Is::kList, line, std::move(parts));
}

ExpressionPtr Parser::dict() {
  const int line = take().line;
  Expressions parts;
  while (!skip_operator("}")) {
    if (!parts.empty()) expect_operator(",");
    if (skip_operator("}")) break;
    parts.push_back(single());
    expect_operator(":");
    parts.push_back(single());
  }
  return make(Is::kDict, line, std::move(parts));
}

ExpressionPtr Parser::postfix(ExpressionPtr base) {
  for (;;) {
    const int line = now().line;
    if (skip_operator(".")) {
      if (now().kind == Kind::kInteger) {
        ExpressionPtr place = primary();
        base = make(Is::kItem, line, pair_of(std::move(base), std::move(place)));
      } else {
        base = make(Is::kAttribute, line, one_of(std::move(base)), expect_name());
      }
    } else if (is_operator("[")) {
      base = subscript(std::move(base));
    } else if (is_operator("(")) {
      base = called(std::move(base));
    } else {
      return base;
    }
  }
}

ExpressionPtr Parser::subscript(ExpressionPtr base) {
  const int line = take().line;
  Expressions parts = one_of(std::move(base));
  bool slice = false;
  if (!is_operator(":")) parts.push_back(single());
  else parts.push_back(nullptr);
  while (parts.size() < 4 && skip_operator(":")) {
    slice = true;
    parts.push_back(is_operator(":") || is_operator("]") ? nullptr : single());
  }
  if (is_operator(",")) bad("a subscript of several parts is not supported");
  expect_operator("]");
  if (!slice) return make(Is::kItem, line, std::move(parts));
  while (parts.size() < 4) parts.push_back(nullptr);
  return make(Is::kSlice, line, std::move(parts));
}

ExpressionPtr Parser::called(ExpressionPtr base) {
  auto call = std::make_unique<Expression>(Expression{.kind = Is::kCall, .line = now().line});
  call->parts.push_back(std::move(base));
  arguments(*call);
  return call;
}

ExpressionPtr Parser::filtered(ExpressionPtr base) {
  for (;;) {
    if (skip_operator("|")) {
      base = filter(std::move(base));
    } else if (is_word("is")) {
      base = test(std::move(base));
    } else if (is_operator("(")) {  // a call of what a filter gave
      base = called(std::move(base));
    } else {
      return base;
    }
  }
}

ExpressionPtr Parser::filter(ExpressionPtr base) {
  auto out = std::make_unique<Expression>(Expression{.kind = Is::kFilter, .line = now().line});
  out->name = expect_name();
  while (skip_operator(".")) out->name += "." + expect_name();
  out->parts.push_back(std::move(base));
  if (is_operator("(")) arguments(*out);
  return out;
}

ExpressionPtr Parser::test(ExpressionPtr base) {
  const int line = take().line;
  const bool negated = skip_word("not");
  auto out = std::make_unique<Expression>(Expression{.kind = Is::kTest, .line = line});
  out->name = expect_name();
  while (skip_operator(".")) out->name += "." + expect_name();
  out->parts.push_back(std::move(base));
  const Kind kind = now().kind;
  const bool literal = kind == Kind::kName || kind == Kind::kString || kind == Kind::kInteger ||
                       kind == Kind::kReal || is_operator("[") || is_operator("{");
  if (is_operator("(")) {
    arguments(*out);
  } else if (literal && !is_word("else") && !is_word("or") && !is_word("and")) {
    if (is_word("is")) bad("tests cannot follow one another with \"is\"");
    out->parts.push_back(postfix(primary()));
  }
  ExpressionPtr whole = std::move(out);
  return negated ? make(Is::kNot, line, one_of(std::move(whole))) : std::move(whole);
}

void Parser::arguments(Expression& into) {
  expect_operator("(");
  bool first = true;
  while (!skip_operator(")")) {
    if (!first) expect_operator(",");
    if (skip_operator(")")) break;
    first = false;
    if (is_operator("*") || is_operator("**")) bad("* and ** in a call are not supported");
    if (now().kind == Kind::kName && then().kind == Kind::kOperator && then().text == "=") {
      std::string name = expect_name();
      take();
      into.named.emplace_back(std::move(name), single());
    } else {
      if (!into.named.empty()) bad("an argument without a name follows one that has one");
      into.parts.push_back(single());
    }
  }
}

}  // namespace slipway::jinja
