// Names of modules against words.
#include "model/lora.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <set>

#include <fmt/ranges.h>

#include "base/error.h"
#include "base/nearest.h"
#include "model/parameters.h"
#include "weights/whole_match.h"

namespace slipway {
namespace {

constexpr std::string_view kWeight = ".weight", kBias = ".bias";

// "" for a parameter that is no module's weight.
std::string module_of(const ParameterSpec& spec) {
  return spec.name.ends_with(kWeight) ? spec.name.substr(0, spec.name.size() - kWeight.size()) : "";
}

// The number of the layer that the module is in: the first part of its name that is one.
std::optional<int64_t> layer_of(const std::string& module) {
  for (size_t at = 0; at < module.size();) {
    const size_t dot = std::min(module.find('.', at), module.size());
    const std::string part = module.substr(at, dot - at);
    if (!part.empty() && part.size() < 10 &&
        std::ranges::all_of(part, [](unsigned char c) { return std::isdigit(c) != 0; }))
      return std::stoll(part);
    at = dot + 1;
  }
  return std::nullopt;
}

class Choice {
 public:
  Choice(const std::vector<ParameterSpec>& specs, const LoraSettings& settings)
      : settings_(settings) {
    for (const ParameterSpec& spec : specs) last_ = std::max(last_, spec.segment);
    if (!settings.target_pattern.empty())
      pattern_.emplace(settings.target_pattern, "target_pattern");
  }

  bool wants(const ParameterSpec& spec) const {
    const std::string module = module_of(spec);
    if (module.empty() || is_module_of(module, settings_.exclude_modules) ||
        is_module_of(module, settings_.modules_to_save))
      return false;
    if (const auto layer = layer_of(module);
        !settings_.layers_to_transform.empty() &&
        (!layer || std::ranges::find(settings_.layers_to_transform, *layer) ==
                       settings_.layers_to_transform.end()))
      return false;
    if (pattern_) return (*pattern_)(module);
    if (std::ranges::find(settings_.target_modules, "all-linear") != settings_.target_modules.end())
      return spec.shape.size() == 2 && spec.segment > 0 && spec.segment < last_;
    return is_module_of(module, settings_.target_modules);
  }

 private:
  const LoraSettings& settings_;
  std::optional<WholeMatch> pattern_;
  int last_ = 0;
};

// Every word must go by a module: one that does not trains less than was meant.
void check_words(const std::vector<ParameterSpec>& specs, const std::vector<std::string>& words,
                 const char* key) {
  std::set<std::string> ends;
  for (const ParameterSpec& spec : specs)
    if (const std::string module = module_of(spec); !module.empty())
      ends.insert(module.substr(module.rfind('.') + 1));
  const std::vector<std::string> known(ends.begin(), ends.end());
  for (const std::string& word : words) {
    if (word == "all-linear") continue;
    if (std::ranges::none_of(specs, [&](const ParameterSpec& spec) {
          return is_module_of(module_of(spec), {word});
        }))
      fail("lora.{}: no module of the model is called \"{}\"{}; there are {}", key, word,
           did_you_mean(word, known), fmt::join(known, ", "));
  }
}

void check_module(const ParameterSpec& spec, const std::vector<ParameterSpec>& specs, int index) {
  if (spec.shape.size() != 2)
    fail("lora.target_modules: {} is not a matrix, and has no adapter", module_of(spec));
  if (spec.segment == 0)
    fail(
        "lora.target_modules: adapters of embeddings ({}) are not supported; name it in "
        "lora.modules_to_save to train it whole",
        module_of(spec));
  const bool tied = spec.tied_to >= 0 || std::ranges::any_of(specs, [&](const ParameterSpec& each) {
                      return each.tied_to == index;
                    });
  if (tied)
    fail(
        "lora.target_modules: {} is tied to another module, and an adapter of one of the two "
        "cannot be merged; leave it out",
        module_of(spec));
}

void freeze(std::vector<ParameterSpec>& specs, const Choice& choice, const LoraSettings& settings) {
  for (ParameterSpec& spec : specs) {
    const bool bias = spec.name.ends_with(kBias);
    ParameterSpec beside = spec;  // the weight that a bias goes with
    if (bias) beside.name.replace(spec.name.size() - kBias.size(), kBias.size(), kWeight);
    const bool trained_bias =
        bias && (settings.bias == "all" || (settings.bias == "lora_only" && choice.wants(beside)));
    const std::string module = bias ? module_of(beside) : module_of(spec);
    spec.trainable =
        spec.trainable && (trained_bias || is_module_of(module, settings.modules_to_save));
  }
}

}  // namespace

std::vector<AdaptedWeight> add_adapters(std::vector<ParameterSpec>& specs,
                                        const LoraSettings& settings) {
  const Choice choice(specs, settings);
  if (settings.target_pattern.empty())
    check_words(specs, settings.target_modules, "target_modules");
  check_words(specs, settings.modules_to_save, "modules_to_save");
  const size_t declared = specs.size();
  std::vector<AdaptedWeight> out;
  for (size_t i = 0; i < declared; ++i) {
    if (!choice.wants(specs[i])) continue;
    check_module(specs[i], specs, static_cast<int>(i));
    const std::string module = module_of(specs[i]);
    const int64_t r = settings.rank_of(module);
    const int64_t n = specs[i].shape[0], k = specs[i].shape[1];
    ParameterSpec a{module + ".lora_A.weight", {r, k}, true, true, -1, specs[i].segment},
        b{module + ".lora_B.weight", {n, r}, true, true, -1, specs[i].segment};
    a.init =
        settings.init == "gaussian" ? ParameterSpec::Init::kNormal : ParameterSpec::Init::kUniform;
    a.init_scale = settings.init == "gaussian" ? 1.0 / static_cast<double>(r)
                                               : 1.0 / std::sqrt(static_cast<double>(k));
    b.init = ParameterSpec::Init::kZero;
    a.adapter = b.adapter = true;
    out.push_back({i, specs.size(), specs.size() + 1, settings.scale_of(module)});
    specs.push_back(std::move(a));
    specs.push_back(std::move(b));
  }
  if (out.empty()) fail("lora.target_modules: no module of the model goes by them");
  const std::vector<ParameterSpec> adapters(specs.begin() + static_cast<std::ptrdiff_t>(declared),
                                            specs.end());
  specs.resize(declared);
  freeze(specs, choice, settings);
  specs.insert(specs.end(), adapters.begin(), adapters.end());
  return out;
}

void store_frozen(std::vector<ParameterSpec>& specs, const Lora& lora) {
  if (!lora.frozen) return;
  for (ParameterSpec& spec : specs)
    if (!spec.trainable && spec.tied_to < 0 && spec.shape.size() == 2)
      spec.stored = lora.frozen(spec);
}

void load_adapters(FlatParameters& parameters, const fs::path& folder) {
  const AdapterFolder adapters(folder);
  parameters.load_trained(
      [&](const std::string& name, float* out, int64_t count) { adapters.read(name, out, count); });
}

Adapters adapters_over(const FlatParameters& parameters, const std::vector<AdaptedWeight>& adapted,
                       double dropout) {
  Adapters out;
  uint32_t site = 0;
  for (const AdaptedWeight& each : adapted)
    out.add(parameters.tensor(each.weight),
            {parameters.tensor(each.a), parameters.tensor(each.b), each.scale, dropout, site++});
  return out;
}

}  // namespace slipway
