// The flow of logging, evaluating and saving.
#include "loop/flow.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "optim/schedule.h"
#include "slipway/callback.h"

namespace slipway {
namespace {

int64_t interval(double value, int64_t max_steps) {
  return static_cast<int64_t>(value < 1 ? std::ceil(static_cast<double>(max_steps) * value)
                                        : value);
}

// Without a value of its own, evaluation goes by the logging interval.
double eval_steps(const RunConfig& c) {
  const double own = c.number("train", "eval_steps");
  return own > 0 ? own : c.number("train", "logging_steps");
}

bool whole_multiple(double value, double of) {
  const double times = value / of;
  return std::abs(times - std::round(times)) < 1e-6 && std::round(times) >= 1;
}

std::string metric_name(const std::string& name) {
  return name.starts_with("eval_") ? name : "eval_" + name;
}

// What sft's evaluations certainly measure; which names plugins give is seen when they do.
std::vector<std::string> losses(const RunConfig& c) {
  std::vector<std::string> out;
  for (const EvalFiles& set : c.eval_sets)
    out.push_back(set.name.empty() ? "eval_loss" : "eval_" + set.name + "_loss");
  if (out.empty()) out.emplace_back("eval_loss");
  return out;
}

std::string listed(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& each : names) out += (out.empty() ? "" : ", ") + each;
  return out;
}

}  // namespace

Flow flow_of(const RunConfig& c, int64_t max_steps) {
  Flow flow;
  flow.logging = c.text("train", "logging_strategy");
  flow.evaluation = c.text("train", "eval_strategy");
  flow.saving = c.text("train", "save_strategy");
  flow.logging_steps = interval(c.number("train", "logging_steps"), max_steps);
  // The state says Hugging Face's 500 where nothing goes by it.
  const bool unset = c.number("train", "eval_steps") <= 0 && flow.evaluation != "steps";
  flow.eval_steps = unset ? 500 : interval(eval_steps(c), max_steps);
  flow.save_steps = interval(c.number("train", "save_steps"), max_steps);
  flow.ends_at_max_steps = !c.raft;
  flow.eval_delay = c.number("train", "eval_delay");
  flow.logging_first_step = c.flag("train", "logging_first_step");
  flow.load_best = c.flag("train", "load_best_model_at_end");
  const std::string &metric = c.text("train", "metric_for_best_model"),
                    &better = c.text("train", "greater_is_better");
  const bool goes_by_metric = flow.load_best || flow.saving == "best" ||
                              goes_by_evaluations(c.text("train", "lr_scheduler_type"));
  if (!metric.empty() || goes_by_metric)
    flow.best_metric = metric_name(metric.empty() ? "loss" : metric);
  flow.greater_is_better =
      better == "auto" ? !flow.best_metric.ends_with("loss") : better == "true";
  return flow;
}

std::vector<std::string> flow_faults(const RunConfig& c) {
  std::vector<std::string> faults;
  const auto fault = [&](const char* key, const std::string& text) {
    faults.push_back(fmt::format("{}: train.{}: {}", c.get("train", key).where.text(), key, text));
  };
  for (const char* key : {"logging_steps", "eval_steps", "save_steps"})
    if (const double value = c.number("train", key); value > 1 && value != std::floor(value))
      fault(key, fmt::format("{} is neither a whole number of steps nor a share of them below 1",
                             value));
  const Flow flow = flow_of(c, 1'000'000);
  if (c.number("train", "logging_steps") <= 0 && flow.logging == "steps")
    fault("logging_steps", "must be over 0; to log nothing, set logging_strategy = \"no\"");
  if (c.raft) {
    const char* why =
        "raft evaluates held-out answers between its iterations, and saves at their start: see "
        "raft.eval_every and raft.min_distinct_2";
    if (flow.load_best) fault("load_best_model_at_end", why);
    if (flow.saving == "best") fault("save_strategy", why);
    if (c.flag("train", "eval_on_start"))
      fault("eval_on_start",
            "raft evaluates at the start whenever it has held-out prompts; remove it");
    return faults;
  }
  const std::vector<std::string> known = losses(c);
  // The loss of several sets has as many names: the one without a set's is nobody's, whatever
  // plugins measure.
  if (!flow.best_metric.empty() && std::ranges::find(known, flow.best_metric) == known.end() &&
      (c.metrics.empty() || flow.best_metric == "eval_loss"))
    fault("metric_for_best_model", fmt::format("an evaluation has no metric \"{}\"; there is: {}",
                                               flow.best_metric, listed(known)));
  if (flow.saving == "best" && flow.evaluation == "no")
    fault("save_strategy", "\"best\" goes by evaluations: set eval_strategy");
  if (!flow.load_best) return faults;
  if (flow.evaluation == "no")
    fault("load_best_model_at_end", "needs evaluations: set eval_strategy");
  else if (flow.saving != "best" && flow.saving != flow.evaluation)
    fault("load_best_model_at_end", fmt::format("save_strategy is \"{}\" and eval_strategy \"{}\": "
                                                "they must be the same, or save_strategy \"best\"",
                                                flow.saving, flow.evaluation));
  else if (flow.saving == "steps" &&
           !whole_multiple(c.number("train", "save_steps"), eval_steps(c)))
    fault("load_best_model_at_end",
          fmt::format("save_steps = {} must be a multiple of eval_steps = {}",
                      c.number("train", "save_steps"), eval_steps(c)));
  return faults;
}

uint32_t due_after_step(const Flow& flow, int64_t step, int64_t max_steps) {
  const bool last = step >= max_steps;
  uint32_t due = 0;
  if ((flow.logging_first_step && step == 1) ||
      (flow.logging == "steps" && flow.logging_steps > 0 && step % flow.logging_steps == 0))
    due |= SLW_DO_LOG;
  if (flow.evaluation == "steps" && flow.eval_delay <= static_cast<double>(step) &&
      (last || (flow.eval_steps > 0 && step % flow.eval_steps == 0)))
    due |= SLW_DO_EVALUATE;
  if (flow.saving == "steps" && (last || (flow.save_steps > 0 && step % flow.save_steps == 0)))
    due |= SLW_DO_SAVE;
  if (flow.ends_at_max_steps && last) due |= SLW_STOP_TRAINING;
  return due;
}

uint32_t due_after_epoch(const Flow& flow, double epoch) {
  uint32_t due = 0;
  if (flow.logging == "epoch") due |= SLW_DO_LOG;
  if (flow.evaluation == "epoch" && flow.eval_delay <= epoch) due |= SLW_DO_EVALUATE;
  if (flow.saving == "epoch") due |= SLW_DO_SAVE;
  return due;
}

std::optional<int64_t> still_due(const Flow& flow, uint32_t what, const FlowPlace& at) {
  const bool evaluates = what == SLW_DO_EVALUATE;
  const std::string& by = evaluates ? flow.evaluation : flow.saving;
  // what comes before the delay is not due
  const auto delayed =
      evaluates ? static_cast<int64_t>(std::ceil(std::min(flow.eval_delay, 1e15))) - 1 : -1;
  if (by == "no") return 0;
  if (by == "epoch" && at.epochs > 0)
    return std::max<int64_t>(0, at.epochs - std::max(at.epochs_ended, delayed));
  if (by != "steps") return std::nullopt;
  const int64_t every = evaluates ? flow.eval_steps : flow.save_steps,
                from = std::max(at.step, delayed);
  if (from >= at.max_steps) return 0;
  const bool last_is_regular = every > 0 && at.max_steps % every == 0;
  return (every > 0 ? at.max_steps / every - from / every : 0) + (last_is_regular ? 0 : 1);
}

bool judge(const Flow& flow, const Json& metrics, TrainerState& state) {
  if (flow.best_metric.empty()) return false;
  const auto found = metrics.find(flow.best_metric);
  if (found == metrics.end() || !found->is_number()) {
    std::vector<std::string> names;
    for (const auto& [name, metric] : metrics.items())
      if (metric.is_number()) names.push_back(name);
    fail(
        "the evaluation has no metric \"{}\", which train.metric_for_best_model names; there is: "
        "{}",
        flow.best_metric, listed(names));
  }
  const double value = found->get<double>();
  const double best = state.best_metric.value_or((flow.greater_is_better ? -1 : 1) *
                                                 std::numeric_limits<double>::infinity());
  if (!(flow.greater_is_better ? value > best : value < best)) return false;
  state.best_metric = value;
  if (flow.saving != "no") state.best_global_step = state.global_step;
  return true;
}

}  // namespace slipway
