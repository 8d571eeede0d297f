// The functions that every template sees.
#pragma once
#include <optional>
#include <string>

#include "text/jinja/value.h"

namespace slipway::jinja {

// range, dict, namespace, raise_exception, strftime_now, joiner; nothing for other names. Throws
// Error on cycler and lipsum, which are not supported.
std::optional<Value> global(const std::string& name);

}  // namespace slipway::jinja
