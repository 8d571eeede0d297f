// TOML text to a configuration tree; the parser library stays behind this header.
#pragma once
#include <string>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/files.h"
#include "config/value.h"

namespace slipway {

// A text names a variable that the environment does not have.
struct UnsetVariable : Error {
  UnsetVariable(const std::string& place, std::string why)
      : Error(place + ": " + why), reason(std::move(why)) {}
  std::string reason;  // without its place
};

// Throws Error "file:line: ..." on malformed text, on dates, and UnsetVariable on ${NAME} in a
// string when the environment has no NAME.
Value parse_toml(std::string_view text, const std::string& file);
Value read_toml(const fs::path& path);

// One value in TOML syntax; throws Error.
Value parse_toml_value(std::string_view text, const std::string& origin);

// What --set says: `train.learning_rate=2e-5`, `reward[0].weight=2`, and with a name that holds a
// dot `search.space."train.seed"=[1, 2]`.
struct Assignment {
  std::string text;  // as given, for messages
  std::string key;   // before the first =
  Value value;
};
// The value is TOML; what is not TOML counts as text. Throws Error.
Assignment parse_assignment(std::string_view given);
// Puts the value in its place, making tables on the way there. Throws Error where it has none.
void assign(Value& root, const Assignment& assignment);

}  // namespace slipway
