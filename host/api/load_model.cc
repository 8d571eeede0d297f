// Plugins of models.
#include "api/load_model.h"

#include "base/program_folder.h"

namespace slipway {

std::vector<fs::path> plugin_folders(const std::vector<fs::path>& more) {
  std::vector<fs::path> out;
  if (const fs::path bundled = program_folder() / "plugins"; fs::is_directory(bundled)) out.push_back(bundled);
  out.insert(out.end(), more.begin(), more.end());
  return out;
}

LoadedModel create_model(const Registry& registry, const std::string& use, const Location& where, const Json& config, const RunFacts& facts) {
  const Registry::Found& found = registry.find(use, SLW_KIND_MODEL, where);
  LoadedModel out;
  out.config = config;
  Value options = check_options(found.descriptor->options, nullptr, found.descriptor->id, where);
  options["config"] = value_of(config);
  out.plugin = std::make_unique<Plugin>(*found.library, *found.descriptor, options, facts);
  out.model = std::make_unique<Model>(out.plugin->get(), out.plugin->id());
  return out;
}

ModelSource open_source(const RunConfig& c) {
  ModelSource out;
  if (!c.weights.empty()) out.weights = open_weights(c.weights);
  out.config = out.weights ? out.weights->config : parse_json(read_file(c.model_config), c.model_config.string());
  return out;
}

void fill_weights(LoadedModel& model, const ModelSource& source, const RunConfig& c) {
  if (source.weights) model.model->parameters().load(source.weights->read);
  else model.model->parameters().initialise(static_cast<uint64_t>(c.integer("train", "seed")));
}

Tokenizer tokenizer_of(const RunConfig& c) { return load_tokenizer(!c.tokenizer.empty() ? c.tokenizer : c.weights); }

}  // namespace slipway
