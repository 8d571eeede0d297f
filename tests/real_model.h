// SmolLM2 as a run has it: the file's weights in a model of the bundled plugin. Needs
// SLIPWAY_PLUGINS.
#pragma once
#include <cstdlib>

#include "model/model.h"
#include "plugin/registry.h"
#include "weights/model_folder.h"

namespace slipway {

inline fs::path assets() {
  const char* set = std::getenv("SLIPWAY_ASSETS");
  return set != nullptr ? set : "build/assets";
}
inline fs::path smollm2_file() { return assets() / "SmolLM2-135M-Instruct.Q4_1.gguf"; }

class RealModel {
 public:
  explicit RealModel(const fs::path& file = smollm2_file()) : RealModel(open_weights(file)) {}

 private:
  explicit RealModel(const ModelWeights& weights)
      : config(weights.config), plugin_(plugin_of(config)), model(plugin_.get(), plugin_.id()) {
    model.parameters().load(weights.read);
  }
  static Plugin plugin_of(const Json& config) {
    static const Registry registry({SLIPWAY_PLUGINS});
    const auto& found = registry.find("llama", SLW_KIND_MODEL, {});
    Value options;
    options["config"] = value_of(config);
    return Plugin(*found.library, *found.descriptor, options, {});
  }

 public:
  const Json config;  // config.json, or what the GGUF file says in its place

 private:
  Plugin plugin_;

 public:
  Model model;
};

}  // namespace slipway
