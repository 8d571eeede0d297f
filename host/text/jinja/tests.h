// Tests: x is NAME(...).
#pragma once
#include <string>

#include "text/jinja/interpreter.h"

namespace slipway::jinja {

// Throws Error on a test that there is not.
bool apply_test(Interpreter& run, const std::string& name, const Value& value,
                const Arguments& given);

}  // namespace slipway::jinja
