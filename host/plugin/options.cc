// Options: checking and conversion.
#include "plugin/options.h"

#include <algorithm>

#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "base/nearest.h"
#include "config/input_path.h"
#include "config/toml.h"
#include "plugin/secret_mask.h"
#include "slipway/abi.h"

namespace slipway {
namespace {

std::string_view expected_kind(slw_type type) {
  switch (type) {
    case SLW_BOOL:
      return "true or false";
    case SLW_INT:
      return "a whole number";
    case SLW_FLOAT:
      return "a number";
    case SLW_STRING:
      return "text";
    case SLW_PATH:
      return "a path, as text";
    case SLW_ARRAY:
      return "an array";
    case SLW_TABLE:
      return "a table";
    default:
      return "?";
  }
}

bool fits(const Value& value, slw_type type) {
  switch (type) {
    case SLW_BOOL:
      return value.kind == Value::Kind::kBool;
    case SLW_INT:
      return value.kind == Value::Kind::kInt;
    case SLW_FLOAT:
      return value.is_number();
    case SLW_STRING:
    case SLW_PATH:
      return value.kind == Value::Kind::kString;
    case SLW_ARRAY:
      return value.kind == Value::Kind::kArray;
    case SLW_TABLE:
      return value.kind == Value::Kind::kTable;
    default:
      return false;
  }
}

std::string location(const Value& value, const Location& fallback) {
  return value.where.file.empty() ? fallback.text() : value.where.text();
}

// What stands for the file of an option's default.
std::string default_origin(const std::string& plugin, const char* option) {
  return plugin + "/" + option;
}

// One option while its value is checked, and how the two are shown to the user.
struct Checked {
  const slw_option& option;
  std::string at;  // "run.toml:14" or the plugin's id
  // What came from ${NAME} shows as that text, another secret as stars.
  bool secret(const Value& value) const {
    return !value.secret.empty() || (option.flags & SLW_OPTION_SECRET) != 0;
  }
  std::string shown(const Value& value) const {
    return secret(value) && value.secret.empty() ? "\"" + std::string(kSecretMask) + "\""
                                                 : value.toml();
  }
};

void check_range(const Checked& c, const Value& value) {
  const auto bound = [&](const char* source) {
    return parse_toml_value(source, c.option.name).number();
  };
  if (!value.is_number()) return;
  // Written so that NaN, which compares with nothing, is outside too.
  const bool low = c.option.minimum != nullptr && !(value.number() >= bound(c.option.minimum));
  const bool high = c.option.maximum != nullptr && !(value.number() <= bound(c.option.maximum));
  if (low)
    fail("{}: option \"{}\" is {}, at least {} is needed", c.at, c.option.name, c.shown(value),
         c.option.minimum);
  if (high)
    fail("{}: option \"{}\" is {}, at most {} is allowed", c.at, c.option.name, c.shown(value),
         c.option.maximum);
}

void check_choice(const Checked& c, const Value& value) {
  if (c.option.choices == nullptr || value.kind != Value::Kind::kString) return;
  std::vector<std::string> names;
  std::string listed;
  for (const char* const* choice = c.option.choices; *choice != nullptr; ++choice) {
    if (value.s == *choice) return;
    names.emplace_back(*choice);
    listed += (listed.empty() ? "" : ", ") + names.back();
  }
  fail("{}: option \"{}\" is {}, one of {} is needed{}", c.at, c.option.name, c.shown(value),
       listed, c.secret(value) ? "" : did_you_mean(value.s, names));
}

// Range, choice, and the form that the plugin gets; for a single value or for each item of an
// array.
void finish(const Checked& c, slw_type type, Value& value) {
  if (type == SLW_FLOAT && value.kind == Value::Kind::kInt) {
    value.f = static_cast<double>(value.i);
    value.kind = Value::Kind::kFloat;
  }
  check_range(c, value);
  check_choice(c, value);
  if (type == SLW_PATH && !value.s.empty()) {
    // in a run file, or on the command line
    const bool written =
        !value.where.file.empty() && value.where.file != default_origin(c.at, c.option.name);
    value.s = written
                  ? input_path(value.s, value.where.file, value.where.file, c.option.name).string()
                  : fs::absolute(value.s).lexically_normal().string();
  }
}

Value checked(const Checked& c, Value value) {
  const slw_option& option = c.option;
  if ((option.flags & SLW_OPTION_SECRET) != 0 && value.s == kSecretMask)
    fail(
        "{}: option \"{}\" is \"{}\", which stands in the record of a run for a secret that is not "
        "kept there; write the secret, or better the name of a variable of the "
        "environment that holds it, like \"${{TOKEN}}\"",
        c.at, option.name, kSecretMask);
  if (!fits(value, option.type))
    fail("{}: option \"{}\" is {} ({}), {} is needed", c.at, option.name, c.shown(value),
         kind_name(value.kind), expected_kind(option.type));
  if (option.type == SLW_ARRAY && option.element_type != 0) {
    for (Value& item : value.items) {
      if (!fits(item, option.element_type))
        fail("{}: option \"{}\" holds {}, every item must be {}", c.at, option.name, c.shown(item),
             expected_kind(option.element_type));
      finish(c, option.element_type, item);
    }
  } else {
    finish(c, option.type, value);
  }
  if ((option.flags & SLW_OPTION_SECRET) != 0 && value.secret.empty()) value.secret = kSecretMask;
  return value;
}

// {ngram = {order = 3}} as {"ngram.order" = 3} where the schema knows names below "ngram".
void flatten(const Value& given, const std::string& prefix, const std::vector<std::string>& known,
             Value& out) {
  for (const auto& [name, value] : given.table) {
    const std::string path = prefix + name;
    const bool nests =
        value.kind == Value::Kind::kTable && std::ranges::find(known, path) == known.end() &&
        std::ranges::any_of(known, [&](const std::string& k) { return k.starts_with(path + "."); });
    if (nests) flatten(value, path + ".", known, out);
    else out.table.emplace_back(path, value);
  }
}

}  // namespace

Value check_options(const slw_option* const* schema, const Value* given, const std::string& plugin,
                    const Location& where) {
  Value flat, out;
  std::vector<std::string> known;
  for (const slw_option* const* o = schema; o != nullptr && *o != nullptr; ++o)
    known.emplace_back((*o)->name);
  if (given != nullptr) {
    if (given->kind != Value::Kind::kTable)
      fail("{}: options of {} must be a table", location(*given, where), plugin);
    flatten(*given, "", known, flat);
    for (const auto& [name, value] : flat.table)
      if (std::ranges::find(known, name) == known.end())
        fail("{}: plugin {} has no option \"{}\"{}", location(value, where), plugin, name,
             did_you_mean(name, known));
  }
  for (const slw_option* const* o = schema; o != nullptr && *o != nullptr; ++o) {
    const slw_option& option = **o;
    const Value* found = flat.find(option.name);
    if (found == nullptr && option.fallback == nullptr)
      fail("{}: plugin {} needs option \"{}\" ({})", where.text(), plugin, option.name,
           option.help != nullptr ? option.help : "no help");
    if (found != nullptr && (option.flags & SLW_OPTION_DEPRECATED) != 0)
      log_warn("{}: option \"{}\" of plugin {} is deprecated{}{}", location(*found, where),
               option.name, plugin, option.help != nullptr ? ": " : "",
               option.help != nullptr ? option.help : "");
    Value value = found != nullptr
                      ? *found
                      : parse_toml_value(option.fallback, default_origin(plugin, option.name));
    out[option.name] =
        checked({option, found != nullptr ? location(*found, where) : plugin}, std::move(value));
  }
  return out;
}

void check_schema(const slw_option* const* schema, const std::string& plugin) {
  std::vector<std::string> names;
  for (const slw_option* const* o = schema; o != nullptr && *o != nullptr; ++o) {
    const slw_option& option = **o;
    const std::string name = option.name;
    for (const std::string& other : names) {
      if (other == name) fail("plugin {}: its option \"{}\" is declared twice", plugin, name);
      if (name.starts_with(other + ".") || other.starts_with(name + "."))
        fail(
            "plugin {}: its options \"{}\" and \"{}\" cannot both be given: one is a value, the "
            "other in a table of that name",
            plugin, other, name);
    }
    names.push_back(name);
    const auto parsed = [&](const char* source, const char* what) {
      try {
        return parse_toml_value(source, default_origin(plugin, option.name));
      } catch (const Error& e) {
        fail("plugin {}: the {} of its option \"{}\" is not a value: {}", plugin, what, name,
             e.what());
      }
    };
    for (const auto& [source, what] :
         {std::pair(option.minimum, "minimum"), {option.maximum, "maximum"}})
      if (source != nullptr && !parsed(source, what).is_number())
        fail("plugin {}: the {} of its option \"{}\" is not a number", plugin, what, name);
    if (option.fallback == nullptr) continue;
    try {
      (void)checked({option, plugin}, parsed(option.fallback, "default"));
    } catch (const Error& e) {
      fail("the default is not one that the option takes: {}", e.what());
    }
  }
}

slw_value OptionTree::convert(const Value& value) {
  slw_value out{};
  switch (value.kind) {
    case Value::Kind::kBool:
      out.type = SLW_BOOL, out.v.i = value.b;
      break;
    case Value::Kind::kInt:
      out.type = SLW_INT, out.v.i = value.i;
      break;
    case Value::Kind::kFloat:
      out.type = SLW_FLOAT, out.v.f = value.f;
      break;
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

Value copy_of(const slw_value& value) {
  const auto text = [](slw_str s) { return std::string(s.data != nullptr ? s.data : "", s.size); };
  Value out;
  switch (value.type) {
    case SLW_BOOL:
      return Value::of(value.v.i != 0);
    case SLW_INT:
      return Value::of(value.v.i);
    case SLW_FLOAT:
      return Value::of(value.v.f);
    case SLW_STRING:
    case SLW_PATH:
      return Value::of(text(value.v.s));
    case SLW_ARRAY:
      out.kind = Value::Kind::kArray;
      for (uint64_t i = 0; i < value.v.array.size; ++i)
        out.items.push_back(copy_of(value.v.array.items[i]));
      return out;
    case SLW_TABLE:
      for (uint64_t i = 0; i < value.v.table.size; ++i)
        out.table.emplace_back(text(value.v.table.items[i].key),
                               copy_of(value.v.table.items[i].value));
      return out;
    default:
      return Value::of(std::string());
  }
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

Json json_of(const Value& value) {
  switch (value.kind) {
    case Value::Kind::kBool:
      return value.b;
    case Value::Kind::kInt:
      return value.i;
    case Value::Kind::kFloat:
      return value.f;
    case Value::Kind::kString:
      return value.s;
    case Value::Kind::kArray: {
      Json out = Json::array();
      for (const Value& item : value.items) out.push_back(json_of(item));
      return out;
    }
    case Value::Kind::kTable:
      break;
  }
  Json out = Json::object();
  for (const auto& [name, item] : value.table) out[name] = json_of(item);
  return out;
}

}  // namespace slipway
