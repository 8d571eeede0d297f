// From a path to a model that can run: plugin found, parameters allocated, weights read.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/run_config.h"
#include "model/model.h"
#include "plugin/registry.h"
#include "text/tokenizer.h"
#include "weights/model_folder.h"

namespace slipway {

// Where plugins are looked for: among Slipway's parts (base/program_folder.h), then `more`.
std::vector<fs::path> plugin_folders(const std::vector<fs::path>& more);

struct LoadedModel {
  Json config;                     // config.json
  std::unique_ptr<Plugin> plugin;  // outlives the model
  std::unique_ptr<Model> model;
};

// A model's weights and config.json, opened; nothing is loaded yet.
struct ModelSource {
  std::optional<ModelWeights> weights;
  Json config;
  std::string origin = {};  // for messages: the folder, or the file
};

// The model plugin `use`; where that is "auto", the one that is called as config.json's model_type
// ("llama" where it says none). Throws Error where there is none of that name.
std::string model_plugin(const Registry& registry, const std::string& use,
                         const ModelSource& source);

// What create() of such a plugin gets: its options, "config", and which keys of that say null.
Value model_options(const Registry::Found& found, const ModelSource& source, const Location& where);

// Creates the plugin `use` (or "auto") for the source's configuration (Hugging Face's names), and
// holds what it declares against the source's tensors and the free memory before any is allocated;
// the weights are still zeros, or what a model that is a program begins with. `trained` = false:
// without gradients; `sharding`: what of it this process keeps; `lora`: trained beside its weights.
// Throws Error.
LoadedModel create_model(const Registry& registry, const std::string& use, const Location& where,
                         const ModelSource& source, const RunFacts& facts, bool trained = true,
                         const Sharding& sharding = {}, const Lora* lora = nullptr);
ModelSource open_source(const RunConfig& config);
ModelSource open_source(const fs::path& weights);
// The weights of `source`, or fresh ones drawn by the seed.
void fill_weights(LoadedModel& model, const ModelSource& source, uint64_t seed);
// The adapters of a run: those of lora.adapter, or fresh ones drawn by its seed. Nothing where it
// trains none. Throws Error.
void fill_adapters(LoadedModel& model, const RunConfig& config);

// Throws Error when training this model would leave out a dropout of its attention that its
// configuration asks for.
void check_trainable(const LoadedModel& model, const ModelSource& source);

// That of a model's file or folder; of adapters without one their model's.
Tokenizer tokenizer_beside(const fs::path& weights);
// With the end tokens of the weights.
Tokenizer tokenizer_of(const RunConfig& config);
// Adds what the model folder `weights` lists as end tokens (weights/generation_config.h) to the
// tokenizer's.
void add_end_tokens(Tokenizer& tokenizer, const fs::path& weights);

}  // namespace slipway
