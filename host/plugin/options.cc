// Options: checking and conversion.
#include "plugin/options.h"

#include <algorithm>

#include "base/error.h"
#include "base/files.h"
#include "base/nearest.h"
#include "config/toml.h"
#include "slipway/abi.h"

namespace slipway {
namespace {

std::string_view expected_kind(slw_type type) {
  switch (type) {
    case SLW_BOOL: return "true or false";
    case SLW_INT: return "a whole number";
    case SLW_FLOAT: return "a number";
    case SLW_STRING: return "text";
    case SLW_PATH: return "a path, as text";
    case SLW_ARRAY: return "an array";
    case SLW_TABLE: return "a table";
    default: return "?";
  }
}

bool fits(const Value& value, slw_type type) {
  switch (type) {
    case SLW_BOOL: return value.kind == Value::Kind::kBool;
    case SLW_INT: return value.kind == Value::Kind::kInt;
    case SLW_FLOAT: return value.is_number();
    case SLW_STRING:
    case SLW_PATH: return value.kind == Value::Kind::kString;
    case SLW_ARRAY: return value.kind == Value::Kind::kArray;
    case SLW_TABLE: return value.kind == Value::Kind::kTable;
    default: return false;
  }
}

std::string location(const Value& value, const Location& fallback) {
  return value.where.file.empty() ? fallback.text() : value.where.text();
}

void check_range(const slw_option& option, const Value& value, const std::string& name, const std::string& at) {
  const auto bound = [&](const char* source) { return parse_toml_value(source, name).number(); };
  if (!value.is_number()) return;
  const bool low = option.minimum != nullptr && value.number() < bound(option.minimum);
  const bool high = option.maximum != nullptr && value.number() > bound(option.maximum);
  if (low) fail("{}: option \"{}\" is {}, at least {} is needed", at, name, value.toml(), option.minimum);
  if (high) fail("{}: option \"{}\" is {}, at most {} is allowed", at, name, value.toml(), option.maximum);
}

void check_choice(const slw_option& option, const Value& value, const std::string& name, const std::string& at) {
  if (option.choices == nullptr || value.kind != Value::Kind::kString) return;
  std::vector<std::string> names;
  std::string listed;
  for (const char* const* c = option.choices; *c != nullptr; ++c) {
    if (value.s == *c) return;
    names.emplace_back(*c);
    listed += (listed.empty() ? "" : ", ") + names.back();
  }
  fail("{}: option \"{}\" is \"{}\", one of {} is needed{}", at, name, value.s, listed, did_you_mean(value.s, names));
}

Value checked(const slw_option& option, Value value, const std::string& name, const std::string& at) {
  if (!fits(value, option.type))
    fail("{}: option \"{}\" is {} ({}), {} is needed", at, name, value.toml(), kind_name(value.kind), expected_kind(option.type));
  if (option.type == SLW_FLOAT && value.kind == Value::Kind::kInt) {
    value.f = static_cast<double>(value.i);
    value.kind = Value::Kind::kFloat;
  }
  if (option.type == SLW_PATH && !value.s.empty()) {
    // As the shell would: relative to where the program runs; else beside the file that names it.
    const fs::path here = fs::absolute(value.s), beside = fs::path(value.where.file).parent_path() / value.s;
    value.s = (!fs::exists(here) && fs::exists(beside) ? fs::absolute(beside) : here).lexically_normal().string();
  }
  if (option.type == SLW_ARRAY && option.element_type != 0)
    for (const Value& item : value.items)
      if (!fits(item, option.element_type))
        fail("{}: option \"{}\" holds {}, every item must be {}", at, name, item.toml(), expected_kind(option.element_type));
  check_range(option, value, name, at);
  check_choice(option, value, name, at);
  return value;
}

}  // namespace

Value check_options(const slw_option* const* schema, const Value* given, const std::string& plugin, const Location& where) {
  Value out;
  std::vector<std::string> known;
  for (const slw_option* const* o = schema; o != nullptr && *o != nullptr; ++o) known.emplace_back((*o)->name);
  if (given != nullptr) {
    if (given->kind != Value::Kind::kTable) fail("{}: options of {} must be a table", location(*given, where), plugin);
    for (const auto& [name, value] : given->table)
      if (std::ranges::find(known, name) == known.end())
        fail("{}: plugin {} has no option \"{}\"{}", location(value, where), plugin, name, did_you_mean(name, known));
  }
  for (const slw_option* const* o = schema; o != nullptr && *o != nullptr; ++o) {
    const slw_option& option = **o;
    const Value* found = given == nullptr ? nullptr : given->find(option.name);
    if (found == nullptr && option.fallback == nullptr)
      fail("{}: plugin {} needs option \"{}\" ({})", where.text(), plugin, option.name, option.help);
    Value value = found != nullptr ? *found : parse_toml_value(option.fallback, plugin + "/" + option.name);
    out[option.name] = checked(option, std::move(value), option.name, found != nullptr ? location(*found, where) : plugin);
  }
  return out;
}

slw_value OptionTree::convert(const Value& value) {
  slw_value out{};
  switch (value.kind) {
    case Value::Kind::kBool: out.type = SLW_BOOL, out.v.i = value.b; break;
    case Value::Kind::kInt: out.type = SLW_INT, out.v.i = value.i; break;
    case Value::Kind::kFloat: out.type = SLW_FLOAT, out.v.f = value.f; break;
    case Value::Kind::kString: {
      const std::string& kept = texts_.emplace_back(value.s);
      out.type = SLW_STRING, out.v.s = {kept.data(), kept.size()};
      break;
    }
    case Value::Kind::kArray: {
      std::vector<slw_value> items;
      for (const Value& item : value.items) items.push_back(convert(item));
      const auto& kept = arrays_.emplace_back(std::move(items));
      out.type = SLW_ARRAY, out.v.array = {kept.data(), kept.size()};
      break;
    }
    case Value::Kind::kTable: {
      auto sorted = value.table;
      std::ranges::sort(sorted, {}, [](const auto& pair) { return pair.first; });
      std::vector<slw_pair> pairs;
      for (const auto& [name, item] : sorted) {
        const std::string& kept = texts_.emplace_back(name);
        pairs.push_back({{kept.data(), kept.size()}, convert(item)});
      }
      const auto& kept = tables_.emplace_back(std::move(pairs));
      out.type = SLW_TABLE, out.v.table = {kept.data(), kept.size()};
      break;
    }
  }
  return out;
}

Value value_of(const Json& json) {
  if (json.is_boolean()) return Value::of(json.get<bool>());
  if (json.is_number_integer()) return Value::of(json.get<int64_t>());
  if (json.is_number()) return Value::of(json.get<double>());
  if (json.is_string()) return Value::of(json.get<std::string>());
  Value out;
  if (json.is_array()) {
    out.kind = Value::Kind::kArray;
    for (const Json& item : json)
      if (!item.is_null()) out.items.push_back(value_of(item));
  }
  if (json.is_object())
    for (const auto& [name, item] : json.items())
      if (!item.is_null()) out.table.emplace_back(name, value_of(item));
  return out;
}

}  // namespace slipway
