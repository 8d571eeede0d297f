// What Python's operators and str() do with values. All throw Error on types that Python refuses.
#pragma once
#include <string_view>

#include "text/jinja/interpreter.h"

namespace slipway::jinja {

// + - * / // % **. Formatting with % is refused.
Value arithmetic(Interpreter& run, std::string_view name, const Value& a, const Value& b);
Value negative(const Value& value);
Value positive(const Value& value);
bool contains(Interpreter& run, const Value& container, const Value& item);

// str(), and repr().
MarkedText shown(Interpreter& run, const Value& value);
MarkedText represented(Interpreter& run, const Value& value);
// repr() of a float.
std::string real_text(double value);

// Escaped for HTML, unless it is markup.
MarkedText escaped(const String& string);
// `text` by `b`'s side of an addition: escaped where the other side is markup.
Value added(Interpreter& run, const String& a, const String& b);

}  // namespace slipway::jinja
