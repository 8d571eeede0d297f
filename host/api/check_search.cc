// Checks of [search].
#include "api/check_search.h"

#include "api/check_metric.h"
#include "config/schema.h"
#include "config/toml.h"
#include "plugin/options.h"

namespace slipway {
namespace {

Value tree_of(const std::string& source, const fs::path& file) {
  const std::string name = file.empty() ? "run.toml" : file.string();
  Value root = as_config_error([&] { return parse_toml(source, name); });
  root.where.file = name;
  return root;
}

}  // namespace

StudySettings study_settings(const std::string& source, const fs::path& file) {
  Value root = tree_of(source, file);
  return take_study(root);
}

void check_search(const Registry& registry, const std::string& source, const fs::path& file,
                  const FaultyRun& run) {
  Value root = tree_of(source, file);
  if (root.find("search") == nullptr) return;
  const StudySettings settings = take_study(root);
  std::vector<std::string> faults;
  keep_faults(faults, [&] {
    const Registry::Found& found = registry.find(settings.use, SLW_KIND_SEARCH, settings.where);
    check_options(found.descriptor->options, &settings.options, found.descriptor->id,
                  settings.where);
  });
  if (run.usable("run", "algorithm"))
    keep_faults(faults, [&] { check_search_metric(settings, run.config); });
  if (!faults.empty()) throw ConfigError(std::move(faults));
}

void check_search_metric(const StudySettings& settings, const RunConfig& config) {
  std::set<std::string> varied;
  for (const Domain& domain : settings.domains) varied.insert(domain.name);
  if (const std::string wrong = metric_fault(config, settings.metric, varied); !wrong.empty())
    throw ConfigError({fmt::format("{}: search.metric: {}", settings.where.text(), wrong)});
}

}  // namespace slipway
