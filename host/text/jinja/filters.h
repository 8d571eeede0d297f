// Filters: x | NAME(...).
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "text/jinja/interpreter.h"

namespace slipway::jinja {

// Throws Error on a filter that there is not, or that is not supported.
Value apply_filter(Interpreter& run, const std::string& name, const Value& value,
                   const Arguments& given);

using Filter = Value (*)(Interpreter&, const Value&, const Arguments&);
// Those for texts and single values, and those for lists and dicts; nullptr where there is none of
// this name.
Filter value_filter(const std::string& name);
Filter sequence_filter(const std::string& name);

// json.dumps() as transformers' filter calls it.
Value to_json(Interpreter& run, const Value& value, const Arguments& given);

}  // namespace slipway::jinja
