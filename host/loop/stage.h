// One training stage: epochs over examples, micro-batches, accumulation, clipping, optimizer,
// schedule. `sft` is one stage, every RAFT iteration is one.
#pragma once
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "data/packing.h"
#include "kernels/rounding.h"
#include "loop/events.h"
#include "loop/feed.h"
#include "loop/loss.h"
#include "loop/shared_step.h"
#include "model/model.h"
#include "optim/grad_scaler.h"
#include "optim/optimizer.h"
#include "optim/schedule.h"

namespace slipway {

struct StageSettings {
  double num_train_epochs = 3;
  int64_t max_steps = -1, batch_size = 8, gradient_accumulation_steps = 1;
  Rounding rounding = Rounding::kNone;  // of the operands of products, forward and backward
  // a micro-batch is computed in parts of at most so many tokens; 0 = whole
  int64_t max_tokens_per_batch = 0;
  double learning_rate = 5e-5, max_grad_norm = 1.0, warmup_steps = 0;
  std::string schedule = "linear";
  Json schedule_options = Json::object();
  // when the schedule spans more than this stage; 0 steps = this stage
  int64_t schedule_offset = 0, schedule_steps = 0;
  std::string sampling_strategy = "random";  // these as OrderSettings has them
  uint64_t seed = 42;
  std::optional<uint64_t> data_seed;
  bool drop_last = false;
  int64_t ranks = 1, rank = 0;  // processes that share each step's examples, and which this is
  // of the steps behind: those that the schedule has not seen, because a callback ended their
  // epoch, or because their gradients overflowed
  int64_t passed_over = 0;
  Objective objective;  // its noise is completed by the stage
};

struct StepReport {
  int64_t step;   // steps done in this stage, from 1
  int64_t steps;  // of the stage
  double loss, grad_norm, learning_rate, epoch;
  int64_t tokens;
  int64_t updates = 0;      // that the schedule has seen: not of a step whose gradients overflowed
  bool stop = false;        // a signal asked one of the processes that share the step to stop
  bool overflowed = false;  // its gradients, which were scaled: no weight was changed
};

struct EpochReport {
  int64_t epochs;  // done, from 1
  int64_t step;    // of the stage: done or passed over
  bool whole;      // false when training stops within it
};

OrderSettings order_settings(const StageSettings& settings);

// Optimizer steps that a stage of `examples` examples takes, and the epochs that it begins, as the
// Hugging Face Trainer counts them.
int64_t stage_steps(size_t examples, const StageSettings& settings);
int64_t stage_epochs(size_t examples, const StageSettings& settings);

// The schedule of a stage of `steps` steps. Throws Error as make_schedule() does.
std::unique_ptr<Schedule> stage_schedule(const StageSettings& settings, int64_t steps);

// Who follows a stage. Functions that return control bits may set SLW_STOP_TRAINING and
// SLW_STOP_EPOCH. What callbacks ask for at the stage's own events stands in events->control().
struct StageHooks {
  // epoch, step, substep and optimizer events go there
  Events* events = nullptr;
  // sums what the processes that train together have computed; none: this one trains alone
  SharedStep* shared = nullptr;
  // scales the loss, and skips steps whose gradients overflow (Rounding::kFloat16); may be none
  GradScaler* scaler = nullptr;
  std::function<void(int64_t tokens)> on_micro_batch;  // after its backward pass; optional
  PhaseClock* clock = nullptr;                         // counts the time of each part of a step
  std::function<uint32_t(const StepReport&)> on_step;  // after every optimizer step
  // tells SLW_ON_EPOCH_END; without it the stage does
  std::function<uint32_t(const EpochReport&)> on_epoch_end;
};

// Trains on what is left of `feed` until `steps` steps are done. When it stands at an epoch's end,
// that end is told again (to those who were told of it before a resume). The loss of a step is the
// mean over the label tokens of its whole accumulation group. A request to stop is obeyed after the
// micro-batch that is under way, as the Hugging Face Trainer does: a group that is broken off
// changes no weight. With a scaler a step whose gradients are not finite changes no weight and
// moves no schedule; it is told and counted as any other (Hugging Face's count). Returns false when
// it was stopped. Throws Error when the loss or a gradient is not finite and that is not left to a
// scaler, OutOfMemory. [loop]
bool train_stage(Model& model, Optimizer& optimizer, const Schedule& schedule, Feed& feed,
                 const StageSettings& settings, int64_t steps, const StageHooks& hooks);

// The same on examples in memory; the first `skip` steps were done before.
bool train_stage(Model& model, Optimizer& optimizer, const Schedule& schedule,
                 std::span<const Example> examples, const StageSettings& settings, int64_t skip,
                 const StageHooks& hooks);

}  // namespace slipway
