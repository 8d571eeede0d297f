// From keys to settings.
#include "model/lora_keys.h"

#include "base/error.h"
#include "config/lookup.h"
#include "config/schema.h"
#include "config/toml.h"
#include "weights/adapter_folder.h"

namespace slipway {
namespace {

constexpr const char* kSection = "lora";

template <class Number>
std::vector<std::pair<std::string, Number>> pattern_of(const RunConfig& config, const char* key) {
  std::vector<std::pair<std::string, Number>> out;
  const Value& table = config.get(kSection, key);
  for (const auto& [name, value] : table.table) {
    if (!value.is_number() || value.number() <= 0)
      fail("{}: lora.{}: \"{}\" is {}, a positive number is needed", table.where.text(), key, name,
           value.toml());
    out.emplace_back(name, static_cast<Number>(value.number()));
  }
  return out;
}

// A key of [lora] but `except` that says something else than without it: config.resolved.toml has
// every key.
const std::pair<std::string, Value>* said_beside(const RunConfig& config, std::string_view except) {
  for (const auto& entry : config.resolved.find(kSection)->table) {
    const Key* key = find_key(kSection, entry.first);
    if (entry.first != except && key != nullptr &&
        entry.second.toml() != parse_toml_value(key->fallback, entry.first).toml())
      return &entry;
  }
  return nullptr;
}

}  // namespace

std::optional<LoraSettings> lora_settings(const RunConfig& c) {
  const Value& where = c.get(kSection, "r");
  const std::string& adapter = c.text(kSection, "adapter");
  if (where.i == 0 && adapter.empty()) {
    if (const auto* said = said_beside(c, "r"); said != nullptr)
      fail(
          "{}: lora.{} has no effect: there are adapters where lora.r says their rank (8, 16) or "
          "lora.adapter names some",
          said->second.where.text(), said->first);
    return std::nullopt;
  }
  if (c.weights.empty())
    fail("{}: adapters are trained beside weights: set model.weights", where.where.text());
  if (!adapter.empty()) {
    if (const auto* said = said_beside(c, "adapter"); said != nullptr)
      fail("{}: lora.{} is what the folder of lora.adapter says; leave it out",
           said->second.where.text(), said->first);
    return AdapterFolder(adapter).settings();
  }
  LoraSettings out;
  out.r = where.i;
  out.alpha = c.number(kSection, "alpha");
  out.dropout = c.number(kSection, "dropout");
  out.target_modules = c.texts(kSection, "target_modules");
  out.target_pattern = c.text(kSection, "target_pattern");
  out.exclude_modules = c.texts(kSection, "exclude_modules");
  out.rslora = c.flag(kSection, "rslora");
  out.bias = c.text(kSection, "bias");
  out.modules_to_save = c.texts(kSection, "modules_to_save");
  out.rank_pattern = pattern_of<int64_t>(c, "rank_pattern");
  out.alpha_pattern = pattern_of<double>(c, "alpha_pattern");
  out.init = c.text(kSection, "init");
  return out;
}

}  // namespace slipway
