// The training loop.
#include "loop/stage.h"

#include <ATen/CPUGeneratorImpl.h>

#include <cmath>
#include <numeric>
#include <utility>

#include "base/error.h"
#include "device/bf16_scope.h"
#include "loop/loss.h"

namespace slipway {
namespace {

std::vector<int64_t> epoch_order(size_t n, uint64_t seed) {
  at::Generator generator = at::detail::createCPUGenerator(seed);
  const at::Tensor order = at::randperm(static_cast<int64_t>(n), generator, at::kLong);
  const auto* data = order.const_data_ptr<int64_t>();
  return {data, data + n};
}

struct Shape {
  int64_t micro_batches, updates;  // of an epoch
};
Shape shape_of(size_t examples, const StageSettings& s) {
  const auto n = static_cast<int64_t>(examples);
  const int64_t micro = (n + s.batch_size - 1) / s.batch_size;
  return {micro, std::max<int64_t>(1, (micro + s.gradient_accumulation_steps - 1) / s.gradient_accumulation_steps)};
}

}  // namespace

int64_t stage_steps(size_t examples, const StageSettings& s) {
  if (s.max_steps > 0) return s.max_steps;
  return static_cast<int64_t>(std::ceil(s.num_train_epochs * static_cast<double>(shape_of(examples, s).updates)));
}

std::unique_ptr<Schedule> stage_schedule(const StageSettings& s, int64_t steps) {
  const int64_t total = s.schedule_steps > 0 ? s.schedule_steps : steps;
  const double warmup = s.warmup_steps < 1 ? std::ceil(s.warmup_steps * static_cast<double>(total)) : std::floor(s.warmup_steps);
  return make_schedule({s.schedule, s.schedule_options, s.learning_rate, warmup, total});
}

namespace {

// One accumulation group: micro-batches [first, last) of an epoch's order, each in parts that are computed one by one.
struct Group {
  std::vector<std::vector<PackedBatch>> micro_batches;
  int64_t labels = 0, tokens = 0;
};

Group gather(std::span<const Example> examples, const std::vector<int64_t>& order, const StageSettings& settings, int64_t first, int64_t last) {
  Group group;
  const int64_t batch_size = settings.batch_size;
  for (int64_t m = first; m < last; ++m) {
    std::vector<const Example*> chosen;
    for (int64_t i = m * batch_size; i < std::min((m + 1) * batch_size, static_cast<int64_t>(order.size())); ++i)
      chosen.push_back(&examples[static_cast<size_t>(order[static_cast<size_t>(i)])]);
    group.micro_batches.push_back(pack_parts(chosen, settings.max_tokens_per_batch));
    for (const Example* example : chosen) {
      group.labels += example->label_tokens();
      group.tokens += static_cast<int64_t>(example->ids.size());
    }
  }
  return group;
}

// Forward, backward, clip, step. `step` counts from 1.
StepReport optimizer_step(Model& model, Optimizer& optimizer, const Schedule& schedule, const Group& group, const StageSettings& settings,
                          int64_t step, int64_t steps, const StageHooks& hooks) {
  if (group.labels == 0) fail("step {}: no token of the batch carries loss; are all completions empty?", step);
  FlatParameters& parameters = model.parameters();
  parameters.zero_grad();
  double loss = 0;
  for (size_t m = 0; m < group.micro_batches.size(); ++m) {
    const PhaseScope phase(hooks.clock, Phase::kForwardBackward);
    const Bfloat16Scope products(settings.bf16);
    for (const PackedBatch& part : group.micro_batches[m])
      if (!part.targets.empty()) loss += loss_backward(model, part, group.labels) / static_cast<double>(group.labels);
    if (m + 1 < group.micro_batches.size() && hooks.events != nullptr) hooks.events->tell(SLW_ON_SUBSTEP_END);
  }
  const PhaseScope phase(hooks.clock, Phase::kOptimizer);
  const double grad_norm = parameters.grad_norm();
  if (!std::isfinite(loss) || !std::isfinite(grad_norm))
    fail("step {}: the loss is {} and the gradient norm {}; lower train.learning_rate or check the data", step, loss, grad_norm);
  double learning_rate = schedule.at(step - 1 + settings.schedule_offset);
  const EventDetails details{{}, "", learning_rate, grad_norm, loss};
  // Callbacks see the gradients as backward left them, and may change them, the clip and the rate, or pass the step over.
  TrainAccess::Step asked;
  if (hooks.events != nullptr) {
    hooks.events->tell(SLW_ON_PRE_OPTIMIZER_STEP, details);
    asked = hooks.events->take_step_requests();
  }
  if (asked.skip) return {step, steps, loss, grad_norm, 0, 0, group.tokens};
  learning_rate = asked.learning_rate.value_or(learning_rate);
  const double clip = asked.clip_norm.value_or(settings.max_grad_norm);
  const double norm = hooks.events != nullptr && hooks.events->wanted(SLW_ON_PRE_OPTIMIZER_STEP) ? parameters.grad_norm() : grad_norm;
  if (!std::isfinite(norm)) fail("step {}: a callback left gradients of norm {}", step, norm);
  double scale = clip > 0 && norm > clip ? clip / (norm + 1e-6) : 1.0;
  if (scale != 1.0 && hooks.events != nullptr && hooks.events->wanted(SLW_ON_OPTIMIZER_STEP)) {
    parameters.scale_grad(std::exchange(scale, 1.0));  // a callback is going to look at the clipped gradients
  }
  optimizer.step(learning_rate, scale);
  if (hooks.events != nullptr) hooks.events->tell(SLW_ON_OPTIMIZER_STEP, details);
  return {step, steps, loss, grad_norm, learning_rate, 0, group.tokens};
}

}  // namespace

bool train_stage(Model& model, Optimizer& optimizer, const Schedule& schedule, std::span<const Example> examples,
                 const StageSettings& settings, int64_t skip, const StageHooks& hooks) {
  const Shape shape = shape_of(examples.size(), settings);
  const int64_t steps = stage_steps(examples.size(), settings);
  const auto tell = [&](slw_event_type type) {
    if (hooks.events != nullptr) hooks.events->tell(type);
  };
  int64_t step = 0;
  for (uint64_t epoch = 0; step < steps; ++epoch) {
    if (step + shape.updates < skip) {  // all of it was done before
      step += shape.updates;
      continue;
    }
    const std::vector<int64_t> order = epoch_order(examples.size(), settings.seed + epoch);
    bool stopped = false;
    if (step >= skip) tell(SLW_ON_EPOCH_BEGIN);
    for (int64_t first = 0; first < shape.micro_batches && step < steps; first += settings.gradient_accumulation_steps) {
      if (step++ < skip) continue;
      const int64_t last = std::min(first + settings.gradient_accumulation_steps, shape.micro_batches);
      const TraceScope trace("loop", "step", "step", step);
      tell(SLW_ON_STEP_BEGIN);
      const Group group = gather(examples, order, settings, first, last);
      StepReport report = optimizer_step(model, optimizer, schedule, group, settings, step, steps, hooks);
      report.epoch = static_cast<double>(epoch) + static_cast<double>(last) / static_cast<double>(shape.micro_batches);
      const uint32_t control = hooks.on_step(report);
      stopped = (control & SLW_STOP_TRAINING) != 0;
      if (stopped || (control & SLW_STOP_EPOCH) != 0) {
        step += shape.updates - 1 - first / settings.gradient_accumulation_steps;
        break;
      }
    }
    tell(SLW_ON_EPOCH_END);
    uint32_t control = hooks.events != nullptr ? hooks.events->take_asked() : 0;
    if (hooks.on_epoch_end) control |= hooks.on_epoch_end(static_cast<int64_t>(epoch) + 1, control);
    if (stopped || (control & SLW_STOP_TRAINING) != 0) return false;
  }
  return true;
}

double evaluate_loss(Model& model, std::span<const Example> examples, int64_t batch_size) {
  const at::NoGradGuard no_grad;
  double sum = 0;
  int64_t labels = 0;
  for (size_t first = 0; first < examples.size(); first += static_cast<size_t>(batch_size)) {
    std::vector<const Example*> chosen;
    for (size_t i = first; i < std::min(examples.size(), first + static_cast<size_t>(batch_size)); ++i) chosen.push_back(&examples[i]);
    const PackedBatch batch = pack(chosen);
    if (batch.targets.empty()) continue;
    sum += loss_sum(model, batch);
    labels += static_cast<int64_t>(batch.targets.size());
  }
  return labels == 0 ? 0 : sum / static_cast<double>(labels);
}

}  // namespace slipway
