// a.b, a[b], a[b:c].
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "text/jinja/interpreter.h"

namespace slipway::jinja {

// A method or else an item; what there is not is undefined, and so are methods that would change
// the value. Throws Error on what is undefined itself, and on a method that is not supported.
Value attribute_of(const Value& value, const std::string& name);
// An item or else, by a text, a method.
Value item_of(const Value& value, const Value& key);
Value slice_of(Interpreter& run, const Value& value, std::optional<int64_t> begin,
               std::optional<int64_t> end, std::optional<int64_t> step);

// The methods of a text and of a dict; nothing where there is none of this name.
std::optional<Value> string_method(const Value& string, const std::string& name);
std::optional<Value> dict_method(const Value& dict, const std::string& name);

}  // namespace slipway::jinja
