// Looks at models, data and rewards.
#include "api/check_parts.h"

#include <algorithm>
#include <set>

#include "api/load_model.h"
#include "base/error.h"
#include "base/hub_name.h"
#include "base/place.h"
#include "data/dataset.h"
#include "data/row_columns.h"
#include "model/check_weights.h"
#include "plugin/options.h"

namespace slipway {
namespace {

void require_there(const fs::path& path, bool is_model) {
  std::error_code ec;
  if (!fs::exists(path, ec))
    fail("{}: {}", path.string(),
         ec ? ec.message()
            : "no such file or folder" + (is_model ? hub_hint(path.string()) : std::string()));
}

}  // namespace

ModelLook look_at_model(const fs::path& path) {
  require_there(path, true);
  RunConfig config;
  config.weights = path;
  const Tokenizer tokenizer = tokenizer_of(config);
  const ModelSource source = open_source(path);
  if (source.weights && !source.weights->program.empty())
    return {"torchscript", "a program with its weights (TorchScript)"};
  const Registry registry(plugin_folders({}));
  const Location where{path.string(), 0};
  const Registry::Found& found =
      registry.find(model_plugin(registry, "auto", source), SLW_KIND_MODEL, where);
  const Plugin plugin(*found.library, *found.descriptor, model_options(found, source, where),
                      RunFacts{});
  const std::vector<ParameterSpec> parameters = declared_parameters(plugin.get(), plugin.id());
  check_weights(parameters, *source.weights);
  double count = 0;
  for (const ParameterSpec& each : parameters)
    if (each.tied_to < 0)
      count += static_cast<double>(element_count(each.shape, path.string() + ": " + each.name));
  return {"auto", fmt::format("{}, {:.1f} million weights, and its tokenizer",
                              brief_id(found.descriptor->id), count / 1e6)};
}

DataLook look_at_data(const fs::path& data, const std::string& algorithm,
                      const std::string& prompt_column, const std::string& completion_column) {
  require_there(data, false);
  DatasetOptions options;
  options.columns = {prompt_column, completion_column};
  const std::vector<Row> rows = read_dataset({data}, options);
  std::set<std::string> ignored;
  if (algorithm == "sft")
    for (const Row& row : rows) check_trained_row(row, ignored);
  DataLook out;
  out.rows = static_cast<int64_t>(rows.size());
  const Row& first = rows.front();
  if (first.kind == Row::Kind::kText) out.columns.emplace_back("text");
  else if (first.kind == Row::Kind::kChat) out.columns.emplace_back("messages");
  else out.columns.emplace_back("prompt");
  if (first.kind == Row::Kind::kAnswered) out.columns.emplace_back("completion");
  if (first.columns.is_object())
    for (const auto& [name, value] : first.columns.items()) out.columns.push_back(name);
  return out;
}

std::vector<std::string> reward_plugins() {
  std::vector<std::string> out;
  const Registry registry(plugin_folders({}));
  for (const Registry::Found& found : registry.plugins())
    if ((found.descriptor->kinds & SLW_KIND_REWARD) != 0)
      out.push_back(brief_id(found.descriptor->id));
  return out;
}

void look_at_reward(const std::string& use) {
  const Registry registry(plugin_folders({}));
  const Location where{"reward", 0};
  const Registry::Found& found = registry.find(use, SLW_KIND_REWARD, where);
  (void)check_options(found.descriptor->options, nullptr, found.descriptor->id, where);
}

}  // namespace slipway
