// TOML text to a configuration tree; the parser library stays behind this header.
#pragma once
#include <string>
#include <string_view>

#include "base/files.h"
#include "config/value.h"

namespace slipway {

// Throws Error "file:line: ..." on malformed text, on dates, and on ${NAME} in a string when the
// environment has no NAME.
Value parse_toml(std::string_view text, const std::string& file);
Value read_toml(const fs::path& path);

// One value in TOML syntax; throws Error.
Value parse_toml_value(std::string_view text, const std::string& origin);

// `train.learning_rate=2e-5`, `reward[0].weight=2`. The value is TOML; what is not TOML counts as
// text. Throws Error.
void apply_override(Value& root, std::string_view assignment);

}  // namespace slipway
