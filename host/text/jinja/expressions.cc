// Expressions.
#include "base/error.h"
#include "base/excerpt.h"
#include "text/jinja/attributes.h"
#include "text/jinja/filters.h"
#include "text/jinja/globals.h"
#include "text/jinja/interpreter.h"
#include "text/jinja/operators.h"
#include "text/jinja/tests.h"

namespace slipway::jinja {

using Is = Expression::Kind;

Value Interpreter::evaluate(const Expression& expression, Scope& scope) {
  constexpr int kDeepest = 1500;
  if (depth_ >= kDeepest) fail("macros or loops call themselves too deep");
  ++depth_;
  line_ = expression.line;
  spend(1);
  Value out = evaluate_now(expression, scope);
  --depth_;  // an exception ends the whole run
  return out;
}

Value Interpreter::variable(const std::string& name, Scope& scope) {
  if (const Value* found = scope.find(name)) return *found;
  if (std::optional<Value> found = global(name)) return *found;
  return Value::undefined(fmt::format("\"{}\" is undefined", excerpt(name)));
}

Arguments Interpreter::arguments(const Expression& expression, Scope& scope) {
  Arguments out;
  for (size_t i = 1; i < expression.parts.size(); ++i)
    out.positional.push_back(evaluate(*expression.parts[i], scope));
  for (const auto& [name, value] : expression.named)
    out.named.emplace_back(name, evaluate(*value, scope));
  return out;
}

Value Interpreter::call(const Value& callee, const Arguments& arguments) {
  if (const Callable* callable = callee.callable()) return callable->call(*this, arguments);
  if (const LoopState* loop = callee.loop(); loop && loop->again())
    return loop->again()->call(*this, arguments);
  if (callee.is_undefined()) fail("{}, and is called", callee.undefined_text());
  fail("a value of type {} is called", callee.type_name());
}

bool Interpreter::compare(const Expression& expression, Scope& scope) {
  Value left = evaluate(*expression.parts[0], scope);
  for (size_t i = 0; i < expression.names.size(); ++i) {
    Value right = evaluate(*expression.parts[i + 1], scope);
    line_ = expression.line;
    const std::string& name = expression.names[i];
    const bool holds = name == "=="       ? equal(left, right)
                       : name == "!="     ? !equal(left, right)
                       : name == "<"      ? less(left, right)
                       : name == ">"      ? less(right, left)
                       : name == "<="     ? less(left, right) || equal(left, right)
                       : name == ">="     ? less(right, left) || equal(left, right)
                       : name == "not in" ? !contains(*this, right, left)
                                          : contains(*this, right, left);
    if (!holds) return false;
    left = std::move(right);
  }
  return true;
}

Value Interpreter::filtered(const Expression& expression, Scope& scope, std::optional<Value> text) {
  const ExpressionPtr& base = expression.parts[0];
  Value of = base == nullptr    ? std::move(*text)
             : text.has_value() ? filtered(*base, scope, std::move(text))
                                : evaluate(*base, scope);
  const Arguments given = arguments(expression, scope);
  line_ = expression.line;
  return apply_filter(*this, expression.name, of, given);
}

Value Interpreter::slice(const Expression& expression, Scope& scope) {
  const Value of = evaluate(*expression.parts[0], scope);
  std::optional<int64_t> at[3];
  for (size_t i = 0; i < 3; ++i) {
    if (!expression.parts[i + 1]) continue;
    const Value place = evaluate(*expression.parts[i + 1], scope);
    if (place.is_none()) continue;
    if (!place.integer() && !place.boolean())
      fail("a place in a slice is of type {}", place.type_name());
    at[i] = place.as_integer();
  }
  return slice_of(*this, of, at[0], at[1], at[2]);
}

Value Interpreter::evaluate_now(const Expression& expression, Scope& scope) {
  const auto part = [&](size_t i) { return evaluate(*expression.parts[i], scope); };
  const auto parts = [&] {
    std::vector<Value> out;
    for (const ExpressionPtr& each : expression.parts) out.push_back(evaluate(*each, scope));
    spend(out.size() * sizeof(Value));
    return out;
  };
  switch (expression.kind) {
    case Is::kConstant:
      return expression.constant;
    case Is::kVariable:
      return variable(expression.name, scope);
    case Is::kList:
      return Value::list(parts());
    case Is::kTuple:
      return Value::list(parts(), Sequence::Flavour::kTuple);
    case Is::kDict: {
      std::vector<std::pair<Value, Value>> items;
      for (size_t i = 0; i < expression.parts.size(); i += 2)
        items.emplace_back(part(i), part(i + 1));
      spend(items.size() * 2 * sizeof(Value));
      return Value::dict(std::move(items));
    }
    case Is::kAttribute:
      return attribute_of(part(0), expression.name);
    case Is::kItem: {
      const Value of = part(0);
      return item_of(of, part(1));
    }
    case Is::kSlice:
      return slice(expression, scope);
    case Is::kCall: {
      const Value callee = part(0);
      const Arguments given = arguments(expression, scope);
      line_ = expression.line;
      return call(callee, given);
    }
    case Is::kFilter:
      return filtered(expression, scope, std::nullopt);
    case Is::kTest: {
      const Value of = part(0);
      return Value(apply_test(*this, expression.name, of, arguments(expression, scope)));
    }
    case Is::kNot:
      return Value(!part(0).truth());
    case Is::kNegative:
      return negative(part(0));
    case Is::kPositive:
      return positive(part(0));
    case Is::kAnd: {
      Value left = part(0);
      return left.truth() ? part(1) : left;
    }
    case Is::kOr: {
      Value left = part(0);
      return left.truth() ? left : part(1);
    }
    case Is::kArithmetic: {
      const Value left = part(0), right = part(1);
      line_ = expression.line;
      return arithmetic(*this, expression.name, left, right);
    }
    case Is::kConcatenate: {
      MarkedText out;
      for (const Value& each : parts()) out.append(shown(*this, each));
      spend(out.bytes.size());
      return Value(std::move(out));
    }
    case Is::kCompare:
      return Value(compare(expression, scope));
    case Is::kChoose:
      if (part(1).truth()) return part(0);
      return expression.parts[2] ? part(2) : Value::undefined("an if without else gave nothing");
  }
  return {};
}

}  // namespace slipway::jinja
