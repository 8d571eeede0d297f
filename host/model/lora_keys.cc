// From keys to settings.
#include "model/lora_keys.h"

#include <set>

#include "base/error.h"
#include "config/lookup.h"
#include "config/schema.h"
#include "config/toml.h"
#include "weights/adapter_folder.h"
#include "weights/ggml_blocks.h"

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

// A key of [lora] that says something else than without it, but for those in `except`:
// config.resolved.toml has every key.
const std::pair<std::string, Value>* said_beside(const RunConfig& config,
                                                 const std::set<std::string_view>& except) {
  for (const auto& entry : config.resolved.find(kSection)->table) {
    const Key* key = find_key(kSection, entry.first);
    if (!except.contains(entry.first) && key != nullptr &&
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
    if (const auto* said = said_beside(c, {"r"}); said != nullptr)
      fail(
          "{}: lora.{} has no effect: there are adapters where lora.r says their rank (8, 16) or "
          "lora.adapter names some",
          said->second.where.text(), said->first);
    return std::nullopt;
  }
  if (c.weights.empty())
    fail("{}: adapters are trained beside weights: set model.weights", where.where.text());
  if (!adapter.empty()) {
    if (const auto* said = said_beside(c, {"adapter", "base_dtype"}); said != nullptr)
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

namespace {

// What the file holds in bits of its own: float32 and float64 are read as ever.
std::optional<Encoding> encoding_in(const ModelWeights& weights, const std::string& name) {
  const auto found = weights.tensors.find(name);
  if (!weights.read_rows || found == weights.tensors.end()) return std::nullopt;
  const Encoding encoding = found->second->encoding;
  const bool held = encoding == Encoding::kF16 || encoding == Encoding::kBF16 ||
                    block_decoder(encoding) != nullptr;
  return held ? std::optional(encoding) : std::nullopt;
}

}  // namespace

std::optional<Lora> lora_of(const RunConfig& c, const ModelWeights* weights) {
  std::optional<LoraSettings> settings = lora_settings(c);
  if (!settings) return std::nullopt;
  Lora out{std::move(*settings)};
  const std::string& dtype = c.text(kSection, "base_dtype");
  if (dtype == "bfloat16") {
    out.frozen = [](const ParameterSpec&) { return Encoding::kBF16; };
  } else if (dtype == "int8") {
    out.frozen = [](const ParameterSpec& matrix) {
      const bool whole = matrix.shape[1] % traits(Encoding::kQ8_0).block == 0;
      return whole ? std::optional(Encoding::kQ8_0) : std::nullopt;
    };
  } else if (dtype == "stored" && weights != nullptr) {
    out.frozen = [weights](const ParameterSpec& matrix) {
      return encoding_in(*weights, matrix.name);
    };
  }
  return out;
}

}  // namespace slipway
