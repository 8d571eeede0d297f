// What [train] says, for the stage and for the optimizer.
#pragma once
#include "config/run_config.h"
#include "loop/stage.h"

namespace slipway {

// bf16 stays off where it would be slow.
StageSettings stage_settings(const RunConfig& config);
OptimizerSettings optimizer_settings(const RunConfig& config);

}  // namespace slipway
