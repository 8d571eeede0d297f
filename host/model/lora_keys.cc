// From keys to settings.
#include "model/lora_keys.h"

#include "base/error.h"
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

// A key of [lora] that the run file has beside lora.adapter, whose folder says it.
void check_alone(const RunConfig& config) {
  for (const auto& [name, value] : config.resolved.find(kSection)->table)
    if (name != "adapter" && !value.where.file.empty())
      fail("{}: lora.{} is what the folder of lora.adapter says; leave it out", value.where.text(),
           name);
}

// The first key that is given without lora.r, which says that there are adapters.
void check_unused(const RunConfig& config) {
  for (const auto& [name, value] : config.resolved.find(kSection)->table)
    if (name != "r" && !value.where.file.empty())
      fail(
          "{}: lora.{} has no effect: there are adapters where lora.r says their rank (8, 16) or "
          "lora.adapter names some",
          value.where.text(), name);
}

}  // namespace

std::optional<LoraSettings> lora_settings(const RunConfig& c) {
  const Value& where = c.get(kSection, "r");
  const std::string& adapter = c.text(kSection, "adapter");
  if (where.i == 0 && adapter.empty()) {
    check_unused(c);
    return std::nullopt;
  }
  if (c.weights.empty())
    fail("{}: adapters are trained beside weights: set model.weights", where.where.text());
  if (!adapter.empty()) {
    check_alone(c);
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
