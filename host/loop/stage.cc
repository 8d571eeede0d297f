// The training loop.
#include "loop/stage.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "operators/out_of_memory.h"
#include "operators/rounding_scope.h"
#include "plugin/loss.h"
#include "plugin/services.h"

namespace slipway {

OrderSettings order_settings(const StageSettings& s) {
  return {s.sampling_strategy,           s.seed,      s.data_seed, s.batch_size,
          s.gradient_accumulation_steps, s.drop_last, s.ranks};
}

int64_t stage_steps(size_t examples, const StageSettings& s) {
  if (s.max_steps > 0) return s.max_steps;
  const EpochShape shape = epoch_shape(static_cast<int64_t>(examples), order_settings(s));
  return static_cast<int64_t>(std::ceil(s.num_train_epochs * static_cast<double>(shape.steps)));
}

int64_t stage_epochs(size_t examples, const StageSettings& s) {
  if (s.max_steps <= 0) return static_cast<int64_t>(std::ceil(s.num_train_epochs));
  const int64_t steps = epoch_shape(static_cast<int64_t>(examples), order_settings(s)).steps;
  return (s.max_steps + steps - 1) / steps;
}

std::unique_ptr<Schedule> stage_schedule(const StageSettings& s, int64_t steps) {
  const int64_t total = s.schedule_steps > 0 ? s.schedule_steps : steps;
  const double warmup = s.warmup_steps < 1 ? std::ceil(s.warmup_steps * static_cast<double>(total))
                                           : std::floor(s.warmup_steps);
  return make_schedule({s.schedule, s.schedule_options, s.learning_rate, warmup, total});
}

namespace {

// One accumulation group; each micro-batch in parts that are computed one by one.
struct Group {
  std::vector<std::vector<PackedBatch>> micro_batches;
  std::vector<int64_t> micro_tokens;  // these and what follows of all processes
  int64_t labels = 0, tokens = 0;
};

Group packed(const StepExamples& examples, const StageSettings& settings) {
  const TraceScope trace("loop", "pack");
  Group group{{}, examples.tokens, examples.labels, 0};
  const Prompts prompts = settings.objective.noise.alpha > 0 ? Prompts::kApart : Prompts::kShared;
  for (const std::vector<const Example*>& micro_batch : examples.micro_batches)
    group.micro_batches.push_back(pack_parts(micro_batch, settings.max_tokens_per_batch, prompts));
  for (const int64_t tokens : group.micro_tokens) group.tokens += tokens;
  return group;
}

// A loss plugin's own numbers were finite, or it would have been blamed for them.
[[noreturn]] void fail_not_finite(int64_t step, double loss, double grad_norm,
                                  const Objective& objective) {
  if (objective.plugin != nullptr)
    fail(
        "step {}: the loss is {} and the gradient norm {}, with the loss of plugin {}: the "
        "derivatives that it gives are too large, or train.learning_rate is",
        step, loss, grad_norm, objective.plugin->id());
  fail(
      "step {}: the loss is {} and the gradient norm {}; lower train.learning_rate or check the "
      "data",
      step, loss, grad_norm);
}

// Passes that this process takes in each micro-batch.
std::vector<int64_t> passes_of(const Group& group) {
  std::vector<int64_t> out;
  for (const std::vector<PackedBatch>& parts : group.micro_batches)
    out.push_back(std::ranges::count_if(
        parts, [](const PackedBatch& part) { return !part.targets.empty(); }));
  return out;
}

// Whether the gradients left the range of float16, which the scaler answers.
bool overflowed(int64_t step, double loss, double grad_norm, const Objective& objective,
                const GradScaler* scaler) {
  if (std::isfinite(loss) && std::isfinite(grad_norm)) return false;
  if (scaler == nullptr || std::isfinite(grad_norm))
    fail_not_finite(step, loss, grad_norm, objective);
  return true;
}

void answer_overflow(GradScaler& scaler, int64_t step) {
  const double before = scaler.scale();
  if (!scaler.update(true))
    fail(
        "step {}: gradients overflow with a loss scale of {}, and it gets no lower "
        "(train.grad_scaler_kwargs.min_loss_scale): weights or activations are beyond float16. Use "
        "train.bf16 = true, whose range is that of float32, or lower train.learning_rate",
        step, before);
  log_info(
      "step {}: gradients overflowed with a loss scale of {}; no weight was changed, and the "
      "scale is {}",
      step, before, scaler.scale());
}

double pass(Model& model, const PackedBatch& part, int64_t labels, const Objective& objective,
            int64_t step) {
  return within_memory([&] { return loss_backward(model, part, labels, objective); },
                       [&] {
                         return fmt::format(
                             "step {}: out of memory while training on {} tokens at once; lower "
                             "train.max_tokens_per_batch or train.per_device_train_batch_size, or "
                             "set train.auto_find_batch_size = true",
                             step, part.ids.size());
                       });
}

// Forward and backward of the group; the loss, as far as it is this process's. Nothing when the
// group was broken off.
std::optional<double> accumulate(Model& model, const Group& group, const StageSettings& settings,
                                 const Objective& objective, int64_t step,
                                 const StageHooks& hooks) {
  double loss = 0;
  if (hooks.shared != nullptr) hooks.shared->begin(passes_of(group));
  for (size_t m = 0; m < group.micro_batches.size(); ++m) {
    const PhaseScope phase(hooks.clock, Phase::kForwardBackward);
    const ProductRoundingScope products(settings.rounding);
    const bool last = m + 1 == group.micro_batches.size();
    for (const PackedBatch& part : group.micro_batches[m]) {
      if (part.targets.empty()) continue;
      if (hooks.shared != nullptr)
        hooks.shared->begin_pass(last && &part == &group.micro_batches[m].back());
      loss += pass(model, part, group.labels, objective, step) / static_cast<double>(group.labels);
      if (hooks.shared != nullptr) hooks.shared->end_pass();
    }
    if (hooks.shared != nullptr) hooks.shared->pass_by(m);
    if (hooks.on_micro_batch) hooks.on_micro_batch(group.micro_tokens[m]);
    if (last || hooks.events == nullptr) continue;
    hooks.events->tell(SLW_ON_SUBSTEP_END);
    if ((hooks.events->agree() & (SLW_STOP_TRAINING | SLW_STOP_EPOCH)) != 0) return std::nullopt;
  }
  return loss;
}

// What callbacks ask of the step. They see the gradients as backward left them, and may change
// them, the clip and the rate, or pass the step over.
TrainAccess::Step ask_callbacks(const EventDetails& details, const StageHooks& hooks) {
  if (hooks.events == nullptr) return {};
  hooks.events->tell(SLW_ON_PRE_OPTIMIZER_STEP, details);
  TrainAccess::Step asked = hooks.events->take_step_requests();
  if (hooks.shared != nullptr && hooks.events->wanted_anywhere(SLW_ON_PRE_OPTIMIZER_STEP))
    hooks.shared->require_same(asked);
  return asked;
}

// Forward, backward, clip, step. `step` counts from 1; `rate_step` is the schedule's, from 0.
// Nothing when the group was broken off.
std::optional<StepReport> optimizer_step(Model& model, Optimizer& optimizer,
                                         const Schedule& schedule, const Group& group,
                                         const StageSettings& settings, const Objective& objective,
                                         int64_t step, int64_t steps, int64_t rate_step,
                                         const StageHooks& hooks) {
  if (group.labels == 0)
    fail("step {}: no token of the batch carries loss; are all completions empty?", step);
  FlatParameters& parameters = model.parameters();
  parameters.zero_grad();
  const std::optional<double> own_loss = accumulate(model, group, settings, objective, step, hooks);
  if (!own_loss) return std::nullopt;
  const PhaseScope phase(hooks.clock, Phase::kOptimizer);
  SharedStep::Sums sums{*own_loss, false};
  if (hooks.shared != nullptr) sums = hooks.shared->finish(*own_loss, stop_requested());
  const auto norm_now = [&] {
    return hooks.shared != nullptr ? hooks.shared->grad_norm() : parameters.grad_norm();
  };
  if (objective.scale != 1) parameters.scale_grad(1 / objective.scale);
  const double loss = sums.loss, grad_norm = norm_now();
  const bool skipped = overflowed(step, loss, grad_norm, objective, hooks.scaler);
  double learning_rate = schedule.at(rate_step);
  const EventDetails details{{}, "", learning_rate, grad_norm, loss};
  const TrainAccess::Step asked = ask_callbacks(details, hooks);
  StepReport report{step, steps, loss, grad_norm, 0, 0, group.tokens, rate_step + 1, sums.stop};
  if (asked.skip && !skipped) return report;
  report.learning_rate = learning_rate = asked.learning_rate.value_or(learning_rate);
  if (skipped) {
    answer_overflow(*hooks.scaler, step);
    report.overflowed = true;
    report.updates = rate_step;
    if (hooks.events != nullptr) hooks.events->tell(SLW_ON_OPTIMIZER_STEP, details);
    return report;
  }
  const double clip = asked.clip_norm.value_or(settings.max_grad_norm);
  const double norm =
      hooks.events != nullptr && hooks.events->wanted_anywhere(SLW_ON_PRE_OPTIMIZER_STEP)
          ? norm_now()
          : grad_norm;
  if (!std::isfinite(norm)) fail("step {}: a callback left gradients of norm {}", step, norm);
  double scale = clip > 0 && norm > clip ? clip / (norm + 1e-6) : 1.0;
  if (scale != 1.0 && hooks.events != nullptr && hooks.events->wanted(SLW_ON_OPTIMIZER_STEP)) {
    // a callback is going to look at the clipped gradients
    parameters.scale_grad(std::exchange(scale, 1.0));
  }
  optimizer.step(learning_rate, scale);
  if (hooks.shared != nullptr) hooks.shared->gather_weights();
  if (hooks.scaler != nullptr) (void)hooks.scaler->update(false);
  if (hooks.events != nullptr) hooks.events->tell(SLW_ON_OPTIMIZER_STEP, details);
  return report;
}

}  // namespace

bool train_stage(Model& model, Optimizer& optimizer, const Schedule& schedule, Feed& feed,
                 const StageSettings& settings, int64_t steps, const StageHooks& hooks) {
  if (steps == 0) return true;
  const auto tell = [&](slw_event_type type) {
    if (hooks.events != nullptr) hooks.events->tell(type);
  };
  int64_t passed_over = settings.passed_over;
  for (bool begins = feed.done() == 0;; begins = true, feed.begin_epoch()) {
    if (begins) tell(SLW_ON_EPOCH_BEGIN);
    uint32_t control = 0;
    while (feed.done() < steps && (control & (SLW_STOP_TRAINING | SLW_STOP_EPOCH)) == 0) {
      const std::optional<StepExamples> examples = [&] {
        const TraceScope trace("loop", "feed");
        return feed.next();
      }();
      if (!examples) break;
      const int64_t step = feed.done();
      const TraceScope trace("loop", "step", "step", step);
      tell(SLW_ON_STEP_BEGIN);
      Objective objective = settings.objective;
      objective.noise.seed = settings.seed;
      objective.noise.epoch = static_cast<uint32_t>(feed.epoch());
      objective.noise.first = examples->first;
      objective.noise.before = examples->before;
      if (hooks.scaler != nullptr) objective.scale = hooks.scaler->scale();
      std::optional<StepReport> report = optimizer_step(
          model, optimizer, schedule, packed(*examples, settings), settings, objective, step, steps,
          step - 1 - passed_over + settings.schedule_offset, hooks);
      if (report) report->epoch = examples->epoch;
      if (!report || report->overflowed) ++passed_over;
      control = report ? hooks.on_step(*report) : hooks.events->agree();
      if ((control & SLW_STOP_EPOCH) != 0) feed.finish_epoch();
      passed_over += feed.done() - step;
    }
    const bool stopped = (control & SLW_STOP_TRAINING) != 0;
    const EpochReport report{feed.epoch() + 1, feed.done(),
                             !stopped || feed.ended() || feed.done() >= steps};
    if (hooks.on_epoch_end) {
      control = hooks.on_epoch_end(report);
    } else if (hooks.events != nullptr) {
      hooks.events->tell(SLW_ON_EPOCH_END);
      control = hooks.events->agree();
    }
    if (stopped || (control & SLW_STOP_TRAINING) != 0) return false;
    if (feed.done() >= steps) return true;
  }
}

bool train_stage(Model& model, Optimizer& optimizer, const Schedule& schedule,
                 std::span<const Example> examples, const StageSettings& settings, int64_t skip,
                 const StageHooks& hooks) {
  OrderedFeed feed(examples, order_settings(settings), skip, settings.rank);
  return train_stage(model, optimizer, schedule, feed, settings,
                     stage_steps(examples.size(), settings), hooks);
}

}  // namespace slipway
