// Whether a run logs a metric, told before it begins.
#pragma once
#include <set>
#include <string>

#include "config/run_config.h"

namespace slipway {

// Why no row of the run's metrics.jsonl can have a number `metric`, with the nearest name or what
// to set; "" when one may have it. Names that plugins give at run time alone are taken by their
// beginning: "eval_" and the prefix of a [[metric]], "rewards/NAME/" of a [[reward]], "NAME/" of
// what a plugin reports. `varied`: keys that are set otherwise in the run ("train.eval_strategy"),
// whose value says nothing.
std::string metric_fault(const RunConfig& config, const std::string& metric,
                         const std::set<std::string>& varied = {});

}  // namespace slipway
