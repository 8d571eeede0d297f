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

}  // namespace slipway
