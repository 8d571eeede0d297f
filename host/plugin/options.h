// A plugin's options: the configuration tree checked against the schema that the plugin publishes.
#pragma once
#include <deque>
#include <string>
#include <vector>

#include "base/json.h"
#include "config/value.h"
#include "slipway/config.h"

namespace slipway {

// Owns everything that the slw_value tree points to. Not copyable: the tree holds addresses.
class OptionTree {
 public:
  OptionTree() = default;
  OptionTree(const OptionTree&) = delete;
  OptionTree& operator=(const OptionTree&) = delete;

  const slw_value* root() const { return &root_; }
  void set(const Value& value) { root_ = convert(value); }

 private:
  slw_value convert(const Value& value);
  slw_value root_{};
  std::deque<std::string> texts_;
  std::deque<std::vector<slw_value>> arrays_;
  std::deque<std::vector<slw_pair>> tables_;
};

// Checks `given` (a table, or absent = empty) against the schema: unknown keys with the nearest
// name, types, ranges, choices, required ones; fills defaults and resolves paths. A dotted name of
// the schema ("ngram.order") is met by the key itself or by nested tables, and comes out as the
// dotted key. Values of secret options carry a mask in Value::secret and stand masked in messages.
// Throws Error "run.toml:14: ...". `plugin` is used in messages, `where` when the fault has no line
// of its own.
Value check_options(const slw_option* const* schema, const Value* given, const std::string& plugin,
                    const Location& where);

// Checks the schema by itself: names that occur twice or begin another one ("a" beside "a.b"),
// bounds and defaults that are not TOML, or of another type, or outside of the option's own range
// and choices. Throws Error blaming the plugin.
void check_schema(const slw_option* const* schema, const std::string& plugin);

// A value that a plugin gave, copied; what is no value becomes "".
Value copy_of(const slw_value& value);

// A JSON object as a configuration tree (null members are left out): how config.json reaches a
// model plugin.
Value value_of(const Json& json);
// The other way round.
Json json_of(const Value& value);

}  // namespace slipway
