// Adapters in a folder as PEFT writes it: adapter_config.json and adapter_model.safetensors.
#pragma once
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/files.h"
#include "weights/lora_settings.h"
#include "weights/model_folder.h"
#include "weights/safetensors.h"

namespace slipway {

constexpr const char *kAdapterConfig = "adapter_config.json",
                     *kAdapterWeights = "adapter_model.safetensors";

bool is_adapter_folder(const fs::path& path);

// What a parameter is called in the file: "model.layers.0.mlp.up_proj.lora_A.weight" is
// "base_model.model.model.layers.0.mlp.up_proj.lora_A.weight" there. `adapted`: the bias of a
// module that has an adapter.
std::string peft_name(const std::string& parameter, bool adapted_bias = false);

// The model that a folder of adapters changes, or the one that these change; any other path itself.
// Throws Error.
fs::path base_model(const fs::path& path);

class AdapterFolder {
 public:
  // Throws Error naming file and what is wrong: a key that is not supported, a tensor that belongs
  // to no adapter, an A without its B.
  explicit AdapterFolder(const fs::path& folder);

  const LoraSettings& settings() const { return settings_; }
  // The model that they belong to: a path as it stands there, seen from the working folder or from
  // this folder. Throws Error when there is none.
  fs::path base() const;
  // Decodes a parameter, by its name in the model, into out[count]; throws Error when it is not
  // there, or of another size.
  void read(const std::string& parameter, float* out, int64_t count) const;
  bool has(const std::string& parameter) const { return tensors_.contains(parameter); }
  // weight [n, k] += scale B A, where the module that it is of has an adapter; a parameter that was
  // trained whole is read in its place. Throws Error where shapes do not fit.
  void apply_to(const std::string& parameter, const std::vector<int64_t>& shape,
                float* values) const;
  // Names of the model's parameters that apply_to() changes.
  std::vector<std::string> changed() const;

 private:
  fs::path folder_;
  Json config_;
  LoraSettings settings_;
  std::shared_ptr<const Safetensors> file_;
  std::map<std::string, const TensorInfo*> tensors_;  // by the parameter's name
};

// The model with its adapters merged: what a folder of adapters stands for where nothing is
// trained. Throws Error.
ModelWeights open_adapted(const fs::path& folder);

}  // namespace slipway
