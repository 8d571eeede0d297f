// The configuration tree.
#include "config/value.h"

#include <cmath>

#include "base/error.h"

namespace slipway {

std::string Location::text() const {
  if (file.empty()) return "default";
  return line > 0 ? fmt::format("{}:{}", file, line) : file;
}

Value Value::of(bool value) {
  Value v;
  v.kind = Kind::kBool;
  v.b = value;
  return v;
}
Value Value::of(int64_t value) {
  Value v;
  v.kind = Kind::kInt;
  v.i = value;
  return v;
}
Value Value::of(double value) {
  Value v;
  v.kind = Kind::kFloat;
  v.f = value;
  return v;
}
Value Value::of(std::string value) {
  Value v;
  v.kind = Kind::kString;
  v.s = std::move(value);
  return v;
}

const Value* Value::find(std::string_view key) const {
  for (const auto& [name, value] : table)
    if (name == key) return &value;
  return nullptr;
}
Value* Value::find(std::string_view key) {
  return const_cast<Value*>(std::as_const(*this).find(key));
}

Value& Value::operator[](std::string_view key) {
  if (Value* found = find(key)) return *found;
  return table.emplace_back(std::string(key), Value{}).second;
}

namespace {

std::string toml_string(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\', out += c;
    else if (c == '\n') out += "\\n";
    else if (c == '\t') out += "\\t";
    else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F)
      out += fmt::format("\\u{:04x}", static_cast<unsigned char>(c));
    else out += c;
  }
  return out + "\"";
}

std::string bare_or_quoted(const std::string& key) {
  for (const char c : key)
    if (!std::isalnum(static_cast<unsigned char>(c)) && c != '_' && c != '-')
      return toml_string(key);
  return key.empty() ? "\"\"" : key;
}

}  // namespace

std::string Value::toml() const {
  if (!secret.empty()) return toml_string(secret);
  switch (kind) {
    case Kind::kBool:
      return b ? "true" : "false";
    case Kind::kInt:
      return fmt::format("{}", i);
    case Kind::kFloat: {
      if (std::isnan(f)) return "nan";
      if (std::isinf(f)) return f > 0 ? "inf" : "-inf";
      const std::string text = fmt::format("{}", f);
      return text.find_first_of(".e") == std::string::npos ? text + ".0" : text;
    }
    case Kind::kString:
      return toml_string(s);
    case Kind::kArray: {
      std::string out = "[";
      for (size_t n = 0; n < items.size(); ++n) out += (n != 0 ? ", " : "") + items[n].toml();
      return out + "]";
    }
    case Kind::kTable:
      break;
  }
  std::string out = "{";
  for (size_t n = 0; n < table.size(); ++n)
    out += (n != 0 ? ", " : "") + bare_or_quoted(table[n].first) + " = " + table[n].second.toml();
  return out + "}";
}

std::string_view kind_name(Value::Kind kind) {
  switch (kind) {
    case Value::Kind::kBool:
      return "true or false";
    case Value::Kind::kInt:
      return "a whole number";
    case Value::Kind::kFloat:
      return "a number";
    case Value::Kind::kString:
      return "text";
    case Value::Kind::kArray:
      return "an array";
    case Value::Kind::kTable:
      return "a table";
  }
  return "?";
}

}  // namespace slipway
