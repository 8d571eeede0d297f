// When a run logs, evaluates and saves, and which of its models is the best: the Hugging Face
// Trainer's flow.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "config/run_config.h"
#include "record/state.h"

namespace slipway {

struct Flow {
  // "no", "steps", "epoch"; saving also "best"
  std::string logging = "steps", evaluation = "no", saving = "steps";
  int64_t logging_steps = 500, eval_steps = 500, save_steps = 500;
  double eval_delay = 0;  // steps or epochs, as `evaluation` counts
  bool logging_first_step = false, load_best = false, greater_is_better = false;
  bool ends_at_max_steps = true;  // raft ends with its iterations
  std::string best_metric;        // "eval_loss"; empty = no best is kept
};

// `max_steps`: what intervals below 1 are a share of.
Flow flow_of(const RunConfig& config, int64_t max_steps);

// What [train] asks for and cannot have, each "run.toml:3: train.eval_steps: ...".
std::vector<std::string> flow_faults(const RunConfig& config);

// SLW_DO_LOG, SLW_DO_EVALUATE, SLW_DO_SAVE, SLW_STOP_TRAINING: what is due when `step` steps of
// `max_steps`, or `epoch` epochs, are done.
uint32_t due_after_step(const Flow& flow, int64_t step, int64_t max_steps);
uint32_t due_after_epoch(const Flow& flow, double epoch);

// How far a run is.
struct FlowPlace {
  int64_t step = 0, max_steps = 0;
  // Epochs whose end was told, and those of the whole run, one that is cut counted; 0: a stream's,
  // which nobody knows.
  int64_t epochs_ended = 0, epochs = 0;
};
// How often SLW_DO_EVALUATE or SLW_DO_SAVE is due behind that place; nothing where it is not known:
// after epochs of a stream, after the best evaluations.
std::optional<int64_t> still_due(const Flow& flow, uint32_t what, const FlowPlace& at);

// Holds an evaluation against the best so far, and records in `state` what is better. True when it
// was. Throws Error when the evaluation has no such metric.
bool judge(const Flow& flow, const Json& metrics, TrainerState& state);

}  // namespace slipway
