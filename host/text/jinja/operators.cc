// Operators.
#include "text/jinja/operators.h"

#include <cmath>

#include "base/error.h"

namespace slipway::jinja {
namespace {

[[noreturn]] void refuse(std::string_view name, const Value& a, const Value& b) {
  for (const Value* each : {&a, &b})
    if (each->is_undefined()) fail("{}, in an operation with {}", each->undefined_text(), name);
  fail("{} between {} and {} is not supported", name, a.type_name(), b.type_name());
}

Value whole(std::string_view name, int64_t a, int64_t b) {
  int64_t out = 0;
  bool over = false;
  if (name == "+") over = __builtin_add_overflow(a, b, &out);
  else if (name == "-") over = __builtin_sub_overflow(a, b, &out);
  else if (name == "*") over = __builtin_mul_overflow(a, b, &out);
  else if (name == "**") {
    if (b < 0) return Value(std::pow(static_cast<double>(a), static_cast<double>(b)));
    out = 1;
    for (int64_t i = 0; i < b && !over && a != 1 && a != 0; ++i)
      over = __builtin_mul_overflow(out, a, &out);
    if (b > 0 && (a == 0 || a == 1)) out = a;
  } else {
    if (b == 0) fail("a division by zero");
    if (name == "/") return Value(static_cast<double>(a) / static_cast<double>(b));
    over = a == INT64_MIN && b == -1;
    if (!over) {
      const int64_t floor = a / b - ((a % b != 0) && ((a % b < 0) != (b < 0)) ? 1 : 0);
      out = name == "//" ? floor : a - floor * b;
    }
  }
  if (over) fail("{} of {} and {} is larger than 64 bits hold", name, a, b);
  return Value(out);
}

Value real(std::string_view name, double a, double b) {
  if (name == "+") return Value(a + b);
  if (name == "-") return Value(a - b);
  if (name == "*") return Value(a * b);
  if (name == "**") return Value(std::pow(a, b));
  if (b == 0) fail("a division by zero");
  if (name == "/") return Value(a / b);
  double rest = std::fmod(a, b);  // as float.__mod__ and __floordiv__
  if (rest != 0 && (b < 0) != (rest < 0)) rest += b;
  if (rest == 0) rest = std::copysign(0.0, b);
  if (name == "%") return Value(rest);
  const double quotient = (a - rest) / b;
  double floor = std::floor(quotient);
  if (quotient - floor > 0.5) floor += 1.0;
  return Value(quotient == 0 ? std::copysign(0.0, a / b) : floor);
}

Value repeated(Interpreter& run, const Value& value, int64_t times) {
  const auto count = static_cast<size_t>(std::max<int64_t>(0, times));
  const auto pay = [&](size_t each) {
    if (each > 0 && count > SIZE_MAX / each) fail("a text or list is repeated too often");
    run.spend(each * count);
  };
  if (const String* string = value.string()) {
    pay(string->text.bytes.size());
    MarkedText out;
    if (!string->text.bytes.empty())
      for (size_t i = 0; i < count; ++i) out.append(string->text);
    return Value(std::move(out), string->markup);
  }
  const Sequence& sequence = *value.sequence();
  pay(sequence.items.size() * sizeof(Value));
  std::vector<Value> out;
  if (!sequence.items.empty())
    for (size_t i = 0; i < count; ++i)
      out.insert(out.end(), sequence.items.begin(), sequence.items.end());
  return Value::list(std::move(out), sequence.flavour);
}

bool can_repeat(const Value& value) {
  return value.string() || value.is_list() || value.is_tuple();
}

}  // namespace

MarkedText escaped(const String& string) {
  if (string.markup) return string.text;
  MarkedText out;
  const MarkedText& text = string.text;
  for (size_t i = 0; i < text.bytes.size(); ++i) {
    const char c = text.bytes[i];
    const std::string_view instead = c == '&'    ? "&amp;"
                                     : c == '<'  ? "&lt;"
                                     : c == '>'  ? "&gt;"
                                     : c == '"'  ? "&#34;"
                                     : c == '\'' ? "&#39;"
                                                 : "";
    if (instead.empty()) out.append(text, i, 1);
    else out.append(instead, text.mark(i));
  }
  return out;
}

Value added(Interpreter& run, const String& a, const String& b) {
  const bool markup = a.markup || b.markup;
  MarkedText out = markup ? escaped(a) : a.text;
  out.append(markup ? escaped(b) : b.text);
  run.spend(out.bytes.size());
  return Value(std::move(out), markup);
}

Value arithmetic(Interpreter& run, std::string_view name, const Value& a, const Value& b) {
  if (a.is_number() && b.is_number())
    return a.real() || b.real() ? real(name, a.as_real(), b.as_real())
                                : whole(name, a.as_integer(), b.as_integer());
  if (name == "+") {
    if (a.string() && b.string()) return added(run, *a.string(), *b.string());
    if ((a.is_list() && b.is_list()) || (a.is_tuple() && b.is_tuple())) {
      std::vector<Value> items = a.sequence()->items;
      items.insert(items.end(), b.sequence()->items.begin(), b.sequence()->items.end());
      run.spend(items.size() * sizeof(Value));
      return Value::list(std::move(items), a.sequence()->flavour);
    }
  }
  if (name == "*") {
    const auto is_whole = [](const Value& v) { return v.integer() || v.boolean(); };
    if (can_repeat(a) && is_whole(b)) return repeated(run, a, b.as_integer());
    if (can_repeat(b) && is_whole(a)) return repeated(run, b, a.as_integer());
  }
  if (name == "%" && a.string())
    fail("formatting with % is not supported; write ~ or + in its place");
  refuse(name, a, b);
}

Value negative(const Value& value) {
  if (value.real()) return Value(-*value.real());
  if (!value.is_number()) refuse("-", value, value);
  return whole("-", 0, value.as_integer());
}

Value positive(const Value& value) {
  if (value.real()) return value;
  if (!value.is_number()) refuse("+", value, value);
  return Value(value.as_integer());
}

bool contains(Interpreter& run, const Value& container, const Value& item) {
  if (const String* string = container.string()) {
    run.spend(string->text.bytes.size());
    if (item.string())
      return string->text.bytes.find(item.string()->text.bytes) != std::string::npos;
    if (item.is_undefined()) fail("{}, and is looked for in a text", item.undefined_text());
    fail("a value of type {} is looked for in a text", item.type_name());
  }
  if (const Dict* dict = container.dict()) {
    if (item.is_list() || item.dict())
      fail("a value of type {} is no key of a dict", item.type_name());
    return dict->find(item) != nullptr;
  }
  for (const Value& each : run.items_of(container))
    if (equal(each, item)) return true;
  return false;
}

}  // namespace slipway::jinja
