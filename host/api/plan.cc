// Plugins before they are made.
#include "api/plan.h"

#include <cctype>

#include "config/schema.h"
#include "plugin/options.h"
#include "plugin/secret_mask.h"

namespace slipway {
namespace {

std::vector<PlannedUse> plan_uses(const Registry& registry, const std::vector<PluginUse>& uses,
                                  uint32_t kind, std::vector<std::string>& faults) {
  std::vector<PlannedUse> out;
  for (const PluginUse& use : uses)
    keep_faults(faults, [&] {
      const Registry::Found& found = registry.find(use.use, kind, use.where);
      out.push_back(
          {&found,
           check_options(found.descriptor->options, &use.options, found.descriptor->id, use.where),
           use.weight, use.prefix});
    });
  return out;
}

// A secret that is written out in the run file is recorded as a variable of the environment: who
// reads the record back is told its name.
Value with_named_secrets(Value options, const std::string& place) {
  for (auto& [name, value] : options.table) {
    if (value.secret != kSecretMask) continue;
    if (value.kind == Value::Kind::kString && value.s.empty()) {
      value.secret.clear();
      continue;
    }
    std::string variable = "SLIPWAY_" + place + "_" + name;
    for (char& c : variable)
      c = std::isalnum(static_cast<unsigned char>(c)) != 0
              ? static_cast<char>(std::toupper(static_cast<unsigned char>(c)))
              : '_';
    value.secret = "${" + variable + "}";
  }
  return options;
}

void record_uses(RunConfig& config, const char* section, const std::vector<PlannedUse>& uses) {
  for (size_t i = 0; i < uses.size(); ++i)
    config.resolved[section].items[i]["options"] =
        with_named_secrets(uses[i].options, fmt::format("{}_{}", section, i));
}

}  // namespace

Plan plan_plugins(const Registry& registry, const RunConfig& c) {
  std::vector<std::string> faults;
  if (c.model_use != "auto")
    keep_faults(faults,
                [&] { registry.find(c.model_use, SLW_KIND_MODEL, c.get("model", "use").where); });
  const auto uses = [&](const std::vector<PluginUse>& given, uint32_t kind) {
    return plan_uses(registry, given, kind, faults);
  };
  Plan out{uses(c.rewards, SLW_KIND_REWARD), uses(c.metrics, SLW_KIND_METRIC),
           uses(c.callbacks, SLW_KIND_CALLBACK), uses(c.loggers, SLW_KIND_LOGGER),
           uses(c.loss ? std::vector{*c.loss} : std::vector<PluginUse>{}, SLW_KIND_LOSS)};
  if (!faults.empty()) throw ConfigError(std::move(faults));
  return out;
}

void record_options(RunConfig& config, const Plan& plan) {
  record_uses(config, "reward", plan.rewards);
  record_uses(config, "metric", plan.metrics);
  record_uses(config, "callback", plan.callbacks);
  record_uses(config, "logger", plan.loggers);
  if (!plan.loss.empty())
    config.resolved["loss"]["options"] = with_named_secrets(plan.loss[0].options, "loss");
}

std::vector<MetricPlugin> make_metrics(const std::vector<PlannedUse>& uses, const RunFacts& facts) {
  std::vector<MetricPlugin> out;
  for (const PlannedUse& u : uses)
    out.emplace_back(Plugin(*u.found->library, *u.found->descriptor, u.options, facts), u.prefix);
  return out;
}

std::vector<RewardPlugin> make_rewards(const std::vector<PlannedUse>& uses, const RunFacts& facts,
                                       const std::optional<ColumnTypes>& types) {
  RunFacts apart = facts;
  apart.reports_apart = true;
  std::vector<RewardPlugin> out;
  for (const PlannedUse& u : uses)
    out.emplace_back(Plugin(*u.found->library, *u.found->descriptor, u.options, apart), u.weight,
                     types);
  return out;
}

}  // namespace slipway
