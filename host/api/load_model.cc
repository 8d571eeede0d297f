// Plugins of models.
#include "api/load_model.h"

#include "base/error.h"
#include "base/program_folder.h"

namespace slipway {

std::vector<fs::path> plugin_folders(const std::vector<fs::path>& more) {
  std::vector<fs::path> out;
  if (const fs::path bundled = program_folder() / "plugins"; fs::is_directory(bundled)) out.push_back(bundled);
  out.insert(out.end(), more.begin(), more.end());
  return out;
}

namespace {

bool offers(const slw_descriptor& plugin, std::string_view interface_id) {
  for (const char* const* each = plugin.interfaces; *each != nullptr; ++each)
    if (*each == interface_id) return true;
  return false;
}

}  // namespace

LoadedModel create_model(const Registry& registry, const std::string& use, const Location& where, const ModelSource& source, const RunFacts& facts) {
  const Registry::Found& found = registry.find(use, SLW_KIND_MODEL, where);
  if (source.weights && !source.weights->read && !offers(*found.descriptor, SLW_MODEL_TORCH_NATIVE))
    fail("{}: {} is a program with its weights, which {} does not take; write use = \"torchscript\"", where.text(), source.weights->origin, found.descriptor->id);
  LoadedModel out;
  out.config = source.config;
  Value options = check_options(found.descriptor->options, nullptr, found.descriptor->id, where);
  options["config"] = value_of(source.config);
  if (source.weights && !source.weights->program.empty()) options["program"] = Value::of(source.weights->program.string());
  out.plugin = std::make_unique<Plugin>(*found.library, *found.descriptor, options, facts);
  out.model = std::make_unique<Model>(out.plugin->get(), out.plugin->id());
  return out;
}

ModelSource open_source(const fs::path& path) {
  ModelWeights weights = open_weights(path);
  Json config = weights.config;
  return {std::move(weights), std::move(config)};
}

ModelSource open_source(const RunConfig& c) {
  if (!c.weights.empty()) return open_source(c.weights);
  return {{}, parse_json(read_file(c.model_config), c.model_config.string())};
}

void fill_weights(LoadedModel& model, const ModelSource& source, uint64_t seed) {
  if (source.weights && source.weights->read) model.model->parameters().load(source.weights->read);
  else if (!source.weights) model.model->parameters().initialise(seed);
}

Tokenizer tokenizer_of(const RunConfig& c) {
  if (!c.tokenizer.empty()) return load_tokenizer(c.tokenizer);
  const fs::path program = program_at(c.weights);
  return load_tokenizer(program.empty() ? c.weights : fs::absolute(program).parent_path());
}

}  // namespace slipway
