// From the tables to JSON Schema.
#include "config/json_schema.h"

#include <algorithm>
#include <cmath>

#include "config/blocks.h"
#include "config/lookup.h"
#include "config/other_names.h"
#include "config/schema.h"
#include "config/toml.h"

namespace slipway {
namespace {

using enum Value::Kind;

// A value of the schema's own: no infinity, no secret.
Json literal(const Value& value) {
  Json out;
  switch (value.kind) {
    case kBool:
      return value.b;
    case kInt:
      return value.i;
    case kFloat:
      return value.f;
    case kString:
      return value.s;
    case kArray:
      out = Json::array();
      for (const Value& item : value.items) out.push_back(literal(item));
      return out;
    case kTable:
      out = Json::object();
      for (const auto& [name, item] : value.table) out[name] = literal(item);
      return out;
  }
  return out;
}

const char* json_type(Value::Kind kind) {
  switch (kind) {
    case kBool:
      return "boolean";
    case kInt:
      return "integer";
    case kFloat:
      return "number";
    case kString:
      return "string";
    case kArray:
      return "array";
    case kTable:
      return "object";
  }
  return "object";
}

Json of_choices(const char* choices) {
  Json out = Json::array();
  for (const std::string& each : words_of(choices)) out.push_back(each);
  return out;
}

// What the value may be; two forms where a text counts as a list of it, or true as "true".
Json form_of(const Key& key) {
  Json out = {{"type", json_type(key.kind)}};
  if (key.choices != nullptr) {
    Json choices = of_choices(key.choices);
    if (std::string_view(key.choices).find("true|false") != std::string_view::npos) {
      out["type"] = {"string", "boolean"};
      choices.push_back(true);
      choices.push_back(false);
    }
    out["enum"] = choices;
  }
  if (key.minimum != nullptr) out["minimum"] = literal(parse_toml_value(key.minimum, key.name));
  if (key.maximum != nullptr) out["maximum"] = literal(parse_toml_value(key.maximum, key.name));
  if (key.also != nullptr) {
    out["type"] = Json::array({json_type(key.kind)});
    for (const std::string& each : words_of(key.also)) out["type"].push_back(each);
  }
  if (key.kind != kArray) return out;
  out["items"] = {{"type", "string"}};
  const Json list = {{"oneOf", {out, {{"type", "string"}}}}};
  if (!key.named) return list;
  Json either = list;
  either["oneOf"].push_back({{"type", "object"},
                             {"propertyNames", {{"pattern", "^[A-Za-z0-9_-]+$"}}},
                             {"additionalProperties", list}});
  return either;
}

Json property_of(const Key& key) {
  Json out = form_of(key);
  out["description"] = key.help;
  if (key.fallback == nullptr) return out;
  const Value fallback = parse_toml_value(key.fallback, key.name);
  // JSON has no infinity
  if (!fallback.is_number() || std::isfinite(fallback.number())) out["default"] = literal(fallback);
  return out;
}

Json closed_table(Json properties, Json required) {
  Json out = {
      {"type", "object"}, {"properties", std::move(properties)}, {"additionalProperties", false}};
  if (!required.empty()) out["required"] = std::move(required);
  return out;
}

// The other names under which `section` takes keys.
void add_other_names(const std::string& section, Json& properties) {
  for (const OtherName& each : known_other_names()) {
    const Key* key = section == each.section ? find_key(each.key_section, each.key) : nullptr;
    if (key == nullptr) continue;
    Json property = form_of(*key);
    property["description"] = fmt::format("Called {}.{} here.", each.key_section, each.key);
    property["deprecated"] = true;
    properties[each.name] = std::move(property);
  }
}

Json section_of(const std::string& section) {
  Json properties = Json::object(), required = Json::array(), others = Json::object();
  for (const Key& key : run_schema()) {
    if (section != key.section) continue;
    properties[key.name] = property_of(key);
    // one that stands under another name is there, too
    if (key.fallback == nullptr && other_names(key).empty()) required.push_back(key.name);
  }
  add_other_names(section, properties);
  return closed_table(std::move(properties), std::move(required));
}

Json block_of(const std::string& block) {
  Json properties = Json::object(), required = Json::array();
  for (const BlockKey& key : block_schema()) {
    if (block != key.block) continue;
    Json& property =
        properties[key.name] = {{"type", json_type(key.kind)}, {"description", key.help}};
    if (key.choices != nullptr) property["enum"] = of_choices(key.choices);
    if (key.fallback == nullptr) required.push_back(key.name);
    else if (key.choices == nullptr)
      property["default"] = literal(parse_toml_value(key.fallback, key.name));
  }
  Json out = closed_table(std::move(properties), std::move(required));
  return is_repeated(block) ? Json{{"type", "array"}, {"items", std::move(out)}} : out;
}

}  // namespace

Json run_file_json_schema() {
  Json properties = Json::object(), required = Json::array();
  for (const Key& key : run_schema()) {
    if (!properties.contains(key.section)) properties[key.section] = section_of(key.section);
    if (key.fallback == nullptr && std::ranges::find(required, key.section) == required.end())
      required.push_back(key.section);
  }
  for (const BlockKey& key : block_schema())
    if (!properties.contains(key.block)) properties[key.block] = block_of(key.block);
  Json out = closed_table(std::move(properties), std::move(required));
  out["$schema"] = "https://json-schema.org/draft/2020-12/schema";
  out["title"] = "A run file of Slipway";
  return out;
}

}  // namespace slipway
