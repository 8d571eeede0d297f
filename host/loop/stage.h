// One training stage: epochs over examples, micro-batches, accumulation, clipping, optimizer, schedule. `sft` is one stage,
// every RAFT iteration is one.
#pragma once
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "data/packing.h"
#include "loop/events.h"
#include "model/model.h"
#include "optim/optimizer.h"
#include "optim/schedule.h"

namespace slipway {

struct StageSettings {
  double num_train_epochs = 3;
  int64_t max_steps = -1, batch_size = 8, gradient_accumulation_steps = 1;
  bool bf16 = false;  // products of forward and backward round their operands to bfloat16
  int64_t max_tokens_per_batch = 0;  // a micro-batch is computed in parts of at most so many tokens; 0 = whole
  double learning_rate = 5e-5, max_grad_norm = 1.0, warmup_steps = 0;
  std::string schedule = "linear";
  Json schedule_options = Json::object();
  int64_t schedule_offset = 0, schedule_steps = 0;  // when the schedule spans more than this stage; 0 steps = this stage
  uint64_t seed = 42;                               // epoch e shuffles by seed + e, as Hugging Face does
};

struct StepReport {
  int64_t step;  // steps done in this stage, from 1
  int64_t steps; // of the stage
  double loss, grad_norm, learning_rate, epoch;
  int64_t tokens;
};

// Optimizer steps that a stage of `examples` examples takes.
int64_t stage_steps(size_t examples, const StageSettings& settings);

// The schedule of a stage of `steps` steps. Throws Error as make_schedule() does.
std::unique_ptr<Schedule> stage_schedule(const StageSettings& settings, int64_t steps);

// Who follows a stage. Both functions return control bits (SLW_STOP_TRAINING, SLW_STOP_EPOCH). What callbacks asked for at the
// stage's events waits in `events` for on_step to take, and is handed to on_epoch_end.
struct StageHooks {
  Events* events = nullptr;                                // epoch, step, substep and optimizer events go there
  PhaseClock* clock = nullptr;                             // counts the time of each part of a step
  std::function<uint32_t(const StepReport&)> on_step;      // after every optimizer step
  std::function<uint32_t(int64_t epochs, uint32_t asked)> on_epoch_end;  // epochs done, from 1; optional
};

// Trains; the first `skip` steps are passed over without computing (they were done before a resume; the end of the epoch
// that step `skip` ended is told again). The loss of a step is the mean over the label tokens of its whole accumulation
// group. Returns false when a hook stopped it. Throws Error when the loss is not finite. [loop]
bool train_stage(Model& model, Optimizer& optimizer, const Schedule& schedule, std::span<const Example> examples,
                 const StageSettings& settings, int64_t skip, const StageHooks& hooks);

// Mean loss over the label tokens of `examples`, without gradients.
double evaluate_loss(Model& model, std::span<const Example> examples, int64_t batch_size);

}  // namespace slipway
