// Plugins before they are made.
#include "api/plan.h"

#include "config/schema.h"
#include "plugin/options.h"

namespace slipway {
namespace {

std::vector<PlannedUse> plan_uses(const Registry& registry, const std::vector<PluginUse>& uses, uint32_t kind) {
  std::vector<PlannedUse> out;
  for (const PluginUse& use : uses) {
    const Registry::Found& found = registry.find(use.use, kind, use.where);
    out.push_back({&found, check_options(found.descriptor->options, &use.options, found.descriptor->id, use.where), use.weight, use.prefix});
  }
  return out;
}

void record_uses(RunConfig& config, const char* section, const std::vector<PlannedUse>& uses) {
  for (size_t i = 0; i < uses.size(); ++i) config.resolved[section].items[i]["options"] = uses[i].options;
}

}  // namespace

Plan plan_plugins(const Registry& registry, const RunConfig& c) {
  return as_config_error([&] {
    registry.find(c.model_use, SLW_KIND_MODEL, c.get("model", "use").where);
    return Plan{plan_uses(registry, c.rewards, SLW_KIND_REWARD), plan_uses(registry, c.metrics, SLW_KIND_METRIC), plan_uses(registry, c.callbacks, SLW_KIND_CALLBACK),
                plan_uses(registry, c.loggers, SLW_KIND_LOGGER), c.loss ? plan_uses(registry, {*c.loss}, SLW_KIND_LOSS) : std::vector<PlannedUse>{}};
  });
}

void record_options(RunConfig& config, const Plan& plan) {
  record_uses(config, "reward", plan.rewards);
  record_uses(config, "metric", plan.metrics);
  record_uses(config, "callback", plan.callbacks);
  record_uses(config, "logger", plan.loggers);
  if (!plan.loss.empty()) config.resolved["loss"]["options"] = plan.loss[0].options;
}

std::vector<MetricPlugin> make_metrics(const std::vector<PlannedUse>& uses, const RunFacts& facts) {
  std::vector<MetricPlugin> out;
  for (const PlannedUse& u : uses) out.emplace_back(Plugin(*u.found->library, *u.found->descriptor, u.options, facts), u.prefix);
  return out;
}

}  // namespace slipway
