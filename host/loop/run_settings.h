// What [train] says, for the stage, for evaluations and for the optimizer.
#pragma once
#include "config/run_config.h"
#include "loop/evaluation.h"
#include "loop/stage.h"

namespace slipway {

// bf16 stays off where there are no instructions for it.
StageSettings stage_settings(const RunConfig& config);
// What data.streaming cannot go with, each "run.toml:3: data.eval_rows: ...".
std::vector<std::string> streaming_faults(const RunConfig& config);
EvaluationSettings evaluation_settings(const RunConfig& config);
OptimizerSettings optimizer_settings(const RunConfig& config);
// For Model::recompute_every(); 0 = no activation checkpointing. Throws Error on arguments that are
// none.
int64_t recompute_every(const RunConfig& config);

}  // namespace slipway
