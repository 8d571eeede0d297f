// adapter_config.json.
#include "weights/lora_settings.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/excerpt.h"
#include "weights/whole_match.h"

namespace slipway {
namespace {

// PEFT's get_pattern_key.
template <class Value>
const Value* by_pattern(const std::vector<std::pair<std::string, Value>>& patterns,
                        const std::string& module, const char* key) {
  for (const auto& [pattern, value] : patterns)
    if (WholeMatch("(.*\\.)?(" + pattern + ")", key)(module)) return &value;
  return nullptr;
}

// Keys that must say nothing, and what they would make of the model.
struct Absent {
  const char *key, *what;
};
constexpr Absent kAbsent[] = {
    {"use_dora", "DoRA"},
    {"use_qalora", "QALoRA"},
    {"use_bdlora", "block-diagonal LoRA"},
    {"lora_bias", "a bias of the adapter's own"},
    {"fan_in_fan_out", "weights that lie transposed"},
    {"layer_replication", "replicated layers"},
    {"trainable_token_indices", "training of single tokens"},
    {"target_parameters", "adapters of parameters that are no modules"},
    {"megatron_config", "Megatron's layers"},
    {"eva_config", "EVA's initialisation"},
    {"corda_config", "CorDA's initialisation"},
    {"lora_ga_config", "LoRA-GA's initialisation"},
    {"loftq_config", "LoftQ's initialisation"},
    {"arrow_config", "Arrow's routing"},
    {"alora_invocation_tokens", "activated LoRA"},
    {"kasa_config", "KaSA"},
    {"velora_config", "VeLoRA"},
    {"monteclora_config", "MonteCLoRA"},
};

bool says_nothing(const Json& value) {
  return value.is_null() || (value.is_boolean() && !value.get<bool>()) ||
         ((value.is_object() || value.is_array()) && value.empty());
}

class Reader {
 public:
  Reader(const Json& config, const std::string& origin) : config_(config), origin_(origin) {
    if (!config.is_object()) fail("{}: is not a JSON object", origin);
  }

  [[noreturn]] void wrong(const char* key, const char* needed) const {
    fail("{}: \"{}\" is {}, {} is needed", origin_, key, excerpt(config_.at(key).dump()), needed);
  }
  const Json* find(const char* key) const {
    const auto found = config_.find(key);
    return found == config_.end() || found->is_null() ? nullptr : &*found;
  }
  double number(const char* key, double fallback) const {
    const Json* value = find(key);
    if (value == nullptr) return fallback;
    if (!value->is_number()) wrong(key, "a number");
    return value->get<double>();
  }
  bool flag(const char* key) const {
    const Json* value = find(key);
    if (value == nullptr) return false;
    if (!value->is_boolean()) wrong(key, "true or false");
    return value->get<bool>();
  }
  std::string text(const char* key, const char* fallback) const {
    const Json* value = find(key);
    if (value == nullptr) return fallback;
    if (!value->is_string()) wrong(key, "a text");
    return value->get<std::string>();
  }
  std::vector<std::string> texts(const char* key) const {
    const Json* value = find(key);
    std::vector<std::string> out;
    if (value == nullptr) return out;
    if (!value->is_array()) wrong(key, "a list of texts");
    for (const Json& each : *value) {
      if (!each.is_string()) wrong(key, "a list of texts");
      out.push_back(each.get<std::string>());
    }
    return out;
  }
  std::vector<int64_t> numbers(const char* key) const {
    const Json* value = find(key);
    std::vector<int64_t> out;
    if (value == nullptr) return out;
    for (const Json& each : value->is_array() ? *value : Json::array({*value})) {
      if (!each.is_number_integer()) wrong(key, "a list of numbers");
      out.push_back(each.get<int64_t>());
    }
    return out;
  }
  template <class Value>
  std::vector<std::pair<std::string, Value>> pattern(const char* key) const {
    const Json* value = find(key);
    std::vector<std::pair<std::string, Value>> out;
    if (value == nullptr) return out;
    if (!value->is_object()) wrong(key, "a table of numbers");
    for (const auto& [name, each] : value->items()) {
      if (!each.is_number()) wrong(key, "a table of numbers");
      out.emplace_back(name, each.template get<Value>());
    }
    return out;
  }

 private:
  const Json& config_;
  const std::string& origin_;
};

std::string init_of(const Reader& config) {
  const Json* init = config.find("init_lora_weights");
  if (init == nullptr || *init == true) return "kaiming";
  if (init->is_string() && init->get<std::string>() == "gaussian") return "gaussian";
  config.wrong("init_lora_weights", "true or \"gaussian\" (others change the base model)");
}

void read_targets(const Reader& config, const std::string& origin, LoraSettings& out) {
  const Json* targets = config.find("target_modules");
  if (targets == nullptr) fail("{}: has no \"target_modules\"", origin);
  if (targets->is_array()) out.target_modules = config.texts("target_modules");
  else if (const std::string text = config.text("target_modules", ""); text == "all-linear")
    out.target_modules = {text};
  else out.target_modules.clear(), out.target_pattern = text;
}

}  // namespace

int64_t LoraSettings::rank_of(const std::string& module) const {
  const int64_t* own = by_pattern(rank_pattern, module, "rank_pattern");
  return own != nullptr ? *own : r;
}

double LoraSettings::scale_of(const std::string& module) const {
  const double* own = by_pattern(alpha_pattern, module, "alpha_pattern");
  const auto rank = static_cast<double>(rank_of(module));
  return (own != nullptr ? *own : alpha) / (rslora ? std::sqrt(rank) : rank);
}

bool is_module_of(const std::string& module, const std::vector<std::string>& words) {
  return std::ranges::any_of(words, [&](const std::string& word) {
    return module == word || module.ends_with("." + word);
  });
}

LoraSettings lora_of(const Json& json, const std::string& origin) {
  const Reader config(json, origin);
  if (const std::string type = config.text("peft_type", "LORA"); type != "LORA")
    fail("{}: \"peft_type\" is \"{}\"; LORA is supported", origin, type);
  for (const Absent& absent : kAbsent)
    if (const Json* value = config.find(absent.key); value != nullptr && !says_nothing(*value))
      fail("{}: \"{}\" = {}: {} is not supported", origin, absent.key, excerpt(value->dump()),
           absent.what);
  LoraSettings out;
  out.r = static_cast<int64_t>(config.number("r", 8));
  out.alpha = config.number("lora_alpha", 8);
  out.dropout = config.number("lora_dropout", 0);
  out.rslora = config.flag("use_rslora");
  out.bias = config.text("bias", "none");
  out.modules_to_save = config.texts("modules_to_save");
  out.exclude_modules = config.texts("exclude_modules");
  out.layers_to_transform = config.numbers("layers_to_transform");
  out.rank_pattern = config.pattern<int64_t>("rank_pattern");
  out.alpha_pattern = config.pattern<double>("alpha_pattern");
  out.init = init_of(config);
  read_targets(config, origin, out);
  if (out.r < 1) config.wrong("r", "a positive number");
  if (!(out.dropout >= 0 && out.dropout < 1)) config.wrong("lora_dropout", "a share below 1");
  if (out.bias != "none" && out.bias != "all" && out.bias != "lora_only")
    config.wrong("bias", "one of none, all, lora_only");
  return out;
}

Json adapter_config(const LoraSettings& s, const std::string& base) {
  const auto or_null = [](const auto& list) { return list.empty() ? Json() : Json(list); };
  const auto table = [](const auto& pattern) {
    Json out = Json::object();
    for (const auto& [name, value] : pattern) out[name] = value;
    return out;
  };
  Json out = {{"peft_type", "LORA"},
              {"task_type", "CAUSAL_LM"},
              {"base_model_name_or_path", base},
              {"r", s.r},
              {"lora_alpha", s.alpha},
              {"lora_dropout", s.dropout},
              {"use_rslora", s.rslora},
              {"bias", s.bias},
              {"modules_to_save", or_null(s.modules_to_save)},
              {"exclude_modules", or_null(s.exclude_modules)},
              {"layers_to_transform", or_null(s.layers_to_transform)},
              {"rank_pattern", table(s.rank_pattern)},
              {"alpha_pattern", table(s.alpha_pattern)},
              {"use_dora", false},
              {"fan_in_fan_out", false},
              {"inference_mode", true},
              {"auto_mapping", nullptr},
              {"revision", nullptr}};
  if (s.alpha == std::floor(s.alpha)) out["lora_alpha"] = static_cast<int64_t>(s.alpha);
  out["init_lora_weights"] = s.init == "gaussian" ? Json("gaussian") : Json(true);
  if (!s.target_pattern.empty()) out["target_modules"] = s.target_pattern;
  else if (s.target_modules == std::vector<std::string>{"all-linear"})
    out["target_modules"] = "all-linear";
  else out["target_modules"] = s.target_modules;
  return out;
}

}  // namespace slipway
