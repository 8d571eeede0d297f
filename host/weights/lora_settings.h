// What a model's adapters are: the words of PEFT's LoraConfig, with its rules, and the
// adapter_config.json that they stand in.
#pragma once
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"

namespace slipway {

struct LoraSettings {
  int64_t r = 8;
  double alpha = 8;
  double dropout = 0;
  // names of modules, or their ends behind a dot; one may be "all-linear": every matrix between the
  // embedding and the head
  std::vector<std::string> target_modules = {"all-linear"};
  // in their place a regular expression for whole names; "" = none
  std::string target_pattern = {};
  std::vector<std::string> exclude_modules = {};
  std::vector<int64_t> layers_to_transform = {};  // numbers of layers; empty: all
  bool rslora = false;                            // scale is alpha / sqrt(r) (Kalajdzievski, 2023)
  std::string bias = "none";  // none, all, lora_only: which biases are trained too
  std::vector<std::string> modules_to_save = {};  // trained whole, and saved beside the adapters
  // by regular expressions for a module's name or for its end behind a dot; the first that fits
  // counts
  std::vector<std::pair<std::string, int64_t>> rank_pattern = {};
  std::vector<std::pair<std::string, double>> alpha_pattern = {};
  // of A: "kaiming" (uniform to 1 / sqrt(k)) or "gaussian" (deviation 1 / r); B begins as zeros
  std::string init = "kaiming";

  // Of a module's adapter. Throw Error on a pattern that is not valid.
  int64_t rank_of(const std::string& module) const;
  double scale_of(const std::string& module) const;
};

// Whether a module's name is one of `words` or ends in one behind a dot.
bool is_module_of(const std::string& module, const std::vector<std::string>& words);

// From an adapter_config.json; `origin` is for messages. Throws Error naming a key that asks for
// what is not supported (DoRA, other kinds of adapters and initialisations that change the base).
LoraSettings lora_of(const Json& config, const std::string& origin);

// The adapter_config.json of such adapters of the model at `base`.
Json adapter_config(const LoraSettings& settings, const std::string& base);

}  // namespace slipway
