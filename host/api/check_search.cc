// Checks of [search].
#include "api/check_search.h"

#include "api/check_metric.h"
#include "config/overrides.h"
#include "config/schema.h"
#include "config/toml.h"
#include "plugin/options.h"

namespace slipway {
namespace {

Value tree_of(const std::string& source, const fs::path& file,
              const std::vector<std::string>& overrides) {
  const std::string name = file.empty() ? "run.toml" : file.string();
  return as_config_error([&] {
    Value root = parse_toml(source, name);
    root.where.file = name;
    for (const std::string& each : overrides)
      if (is_of_search(each)) lay_over(root, each);
    // one that --set alone makes
    if (Value* search = root.find("search"); search != nullptr && search->where.file.empty())
      search->where = {"--set", 0};
    return root;
  });
}

}  // namespace

StudySettings study_settings(const std::string& source, const fs::path& file,
                             const std::vector<std::string>& overrides) {
  Value root = tree_of(source, file, overrides);
  return take_study(root);
}

void check_search(const Registry& registry, const std::string& source, const fs::path& file,
                  const std::vector<std::string>& overrides, const FaultyRun& run) {
  Value root = tree_of(source, file, overrides);
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
