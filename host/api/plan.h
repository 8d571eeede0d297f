// The plugins that a run file names, with options checked against their schemas; nothing of them
// has run yet.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "config/run_config.h"
#include "plugin/metric.h"
#include "plugin/registry.h"
#include "plugin/reward.h"

namespace slipway {

struct PlannedUse {
  const Registry::Found* found;
  Value options;
  double weight;
  std::string prefix;
};

struct Plan {
  std::vector<PlannedUse> rewards, metrics, callbacks, loggers, loss;  // loss: one or none
};

// Throws ConfigError naming every plugin and option that is not right. The plan points into
// `registry`.
Plan plan_plugins(const Registry& registry, const RunConfig& config);

// Puts into `config` what each plugin is given: defaults filled in, paths absolute.
void record_options(RunConfig& config, const Plan& plan);

std::vector<MetricPlugin> make_metrics(const std::vector<PlannedUse>& uses, const RunFacts& facts);
std::vector<RewardPlugin> make_rewards(const std::vector<PlannedUse>& uses, const RunFacts& facts,
                                       const std::optional<ColumnTypes>& types);

}  // namespace slipway
