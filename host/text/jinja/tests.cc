// Tests.
#include "text/jinja/tests.h"

#include <cmath>

#include "base/error.h"
#include "base/excerpt.h"
#include "text/jinja/call_arguments.h"
#include "text/jinja/filters.h"
#include "text/jinja/operators.h"
#include "text/jinja/text_operations.h"

namespace slipway::jinja {
namespace {

bool is_sequence(const Value& value) {
  using enum Sequence::Flavour;
  if (value.sequence()) return value.sequence()->flavour < kView;
  return value.string() || value.dict() || value.is_undefined();
}

bool is_iterable(const Value& value) {
  return value.sequence() || value.string() || value.dict() || value.is_undefined();
}

// Without an argument; nothing where there is no such test.
std::optional<bool> simple(const std::string& name, const Value& value) {
  if (name == "defined") return !value.is_undefined();
  if (name == "undefined") return value.is_undefined();
  if (name == "none") return value.is_none();
  if (name == "boolean") return value.boolean() != nullptr;
  if (name == "true") return value.boolean() && *value.boolean();
  if (name == "false") return value.boolean() && !*value.boolean();
  if (name == "integer") return value.integer() != nullptr;
  if (name == "float") return value.real() != nullptr;
  if (name == "number") return value.is_number();
  if (name == "string") return value.string() != nullptr;
  if (name == "mapping") return value.dict() != nullptr;
  if (name == "sequence") return is_sequence(value);
  if (name == "iterable") return is_iterable(value);
  if (name == "callable") return value.callable() || value.loop() || value.is_undefined();
  if (name == "escaped") return value.string() && value.string()->markup;
  if (name == "odd" || name == "even") {
    if (!value.is_number()) fail("{} of a value of type {}", name, value.type_name());
    const double rest = std::abs(std::fmod(value.as_real(), 2));
    return rest == (name == "odd" ? 1 : 0);
  }
  return std::nullopt;
}

bool same_object(const Value& a, const Value& b) {
  if (a.is_none() || b.is_none()) return a.is_none() && b.is_none();
  if (a.boolean() || b.boolean()) return a.boolean() && b.boolean() && *a.boolean() == *b.boolean();
  fail("\"sameas\" of values of type {} is not supported", a.type_name());
}

// With one; nothing where there is no such test.
std::optional<bool> with_other(Interpreter& run, const std::string& name, const Value& value,
                               const Value& other) {
  if (name == "eq" || name == "equalto" || name == "==") return equal(value, other);
  if (name == "ne" || name == "!=") return !equal(value, other);
  if (name == "lt" || name == "lessthan" || name == "<") return less(value, other);
  if (name == "gt" || name == "greaterthan" || name == ">") return less(other, value);
  if (name == "le" || name == "<=") return less(value, other) || equal(value, other);
  if (name == "ge" || name == ">=") return less(other, value) || equal(value, other);
  if (name == "in") return contains(run, other, value);
  if (name == "sameas") return same_object(value, other);
  if (name == "divisibleby") {
    if (whole_of(name, other) == 0) fail("a division by zero");
    return whole_of(name, value) % whole_of(name, other) == 0;
  }
  return std::nullopt;
}

}  // namespace

bool apply_test(Interpreter& run, const std::string& name, const Value& value,
                const Arguments& given) {
  const size_t count = given.positional.size() + given.named.size();
  if (name == "upper" || name == "lower")
    return all_characters(shown(run, value).bytes,
                          name == "upper" ? CharacterTest::kUpper : CharacterTest::kLower);
  if (count == 0)
    if (const std::optional<bool> found = simple(name, value)) return *found;
  if (given.positional.size() == 1 && given.named.empty()) {
    if (const std::optional<bool> found = with_other(run, name, value, given.positional[0]))
      return *found;
    const Value& other = given.positional[0];
    if (name == "filter" || name == "test")
      fail("the test \"{}\" is not supported ({} is asked for)", name,
           excerpt(shown(run, other).bytes));
  }
  fail("the test \"{}\" with {} arguments is not supported", excerpt(name), count);
}

}  // namespace slipway::jinja
