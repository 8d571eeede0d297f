// A configuration tree whose every value knows where it was written.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace slipway {

struct Location {
  std::string file;  // a path, "--set", or "" for a default
  int line = 0;
  std::string text() const;  // "run.toml:14", "--set", "default"
};

struct Value {
  enum class Kind { kBool, kInt, kFloat, kString, kArray, kTable };

  Kind kind = Kind::kTable;
  bool b = false;
  int64_t i = 0;
  double f = 0;
  std::string s;
  std::vector<Value> items;                          // kArray
  std::vector<std::pair<std::string, Value>> table;  // kTable, in the order of the file
  Location where;
  std::string secret;  // when it came from ${NAME}: that text, to be printed in the value's place

  static Value of(bool value);
  static Value of(int64_t value);
  static Value of(double value);
  static Value of(std::string value);

  const Value* find(std::string_view key) const;  // nullptr = absent or not a table
  Value* find(std::string_view key);
  Value& operator[](std::string_view key);  // makes it when absent
  bool is_number() const { return kind == Kind::kInt || kind == Kind::kFloat; }
  double number() const { return kind == Kind::kInt ? static_cast<double>(i) : f; }
  std::string toml() const;  // one line of TOML source; secrets masked
};

std::string_view kind_name(Value::Kind kind);  // "a whole number", "text", ...

}  // namespace slipway
