// What [train] says, for the stage, for evaluations and for the optimizer.
#pragma once
#include "config/run_config.h"
#include "loop/evaluation.h"
#include "loop/stage.h"

namespace slipway {

// Nothing is rounded to bfloat16 where there are no instructions for it.
StageSettings stage_settings(const RunConfig& config);
// What data.streaming cannot go with, each "run.toml:3: data.eval_rows: ...".
std::vector<std::string> streaming_faults(const RunConfig& config);
EvaluationSettings evaluation_settings(const RunConfig& config);
OptimizerSettings optimizer_settings(const RunConfig& config);
// Of the scaler that train.fp16 has. Throws Error on a name that is none, and on values that are
// not of its type.
GradScalerSettings scaler_settings(const RunConfig& config);
// For Model::recompute_every(); 0 = no activation checkpointing. Throws Error on arguments that are
// none.
int64_t recompute_every(const RunConfig& config);

}  // namespace slipway
