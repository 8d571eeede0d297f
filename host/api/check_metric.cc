// The names of what is logged.
#include "api/check_metric.h"

#include <algorithm>
#include <vector>

#include "api/check_run.h"
#include "base/nearest.h"
#include "plugin/services.h"

namespace slipway {
namespace {

constexpr const char* kTrained[] = {"loss",
                                    "grad_norm",
                                    "learning_rate",
                                    "epoch",
                                    "global_step",
                                    "tokens_per_second",
                                    "mfu",
                                    "share_forward_backward",
                                    "share_optimizer",
                                    "share_callbacks",
                                    "num_input_tokens_seen",
                                    "train_runtime",
                                    "train_samples_per_second",
                                    "train_steps_per_second",
                                    "train_tokens_per_second",
                                    "train_loss",
                                    "total_flos"};
constexpr const char* kIteration[] = {
    "reward_mean",    "reward_std",  "policy_reward", "selected_reward",  "distinct_1",
    "distinct_2",     "mean_length", "cut_share",     "discarded_share",  "unscored_share",
    "selected",       "kl",          "iteration",     "generate_seconds", "train_seconds",
    "share_generate", "share_score", "share_train",   "share_evaluate",   "share_save"};
constexpr const char* kAnswers[] = {"reward",      "reward_std", "distinct_1",     "distinct_2",
                                    "mean_length", "cut_share",  "unscored_share", "runtime"};
constexpr const char* kExamples[] = {"loss", "runtime", "samples_per_second", "steps_per_second"};

struct Names {
  std::vector<std::string> known;
  std::vector<std::string> beginnings;  // what begins so may be logged
};

std::vector<std::string> sets_of(const RunConfig& c) {
  std::vector<std::string> out;
  for (const EvalFiles& set : c.eval_sets)
    out.push_back(set.name.empty() ? "eval_" : "eval_" + set.name + "_");
  if (out.empty()) out.emplace_back("eval_");
  return out;
}

// What rows of training say, and what a plugin reports in them.
void add_trained(const RunConfig& c, Names& out) {
  out.known.insert(out.known.end(), std::begin(kTrained), std::end(kTrained));
  if (c.raft) out.known.insert(out.known.end(), std::begin(kIteration), std::end(kIteration));
  if (!c.flag("train", "skip_memory_metrics"))
    for (const char* begin : {"train_mem_", "init_mem_", "before_init_mem_"})
      out.beginnings.emplace_back(begin);
}

// "NAME/" of every plugin of the run; "NAME-2/" is the second of a name.
void add_reported(const RunConfig& c, const std::string& prefix, Names& out) {
  const auto add = [&](const std::string& use) {
    for (const char* end : {"/", "-"}) out.beginnings.push_back(prefix + brief_id(use) + end);
  };
  if (c.model_use != "auto") add(c.model_use);
  if (c.loss) add(c.loss->use);
  for (const auto* uses : {&c.rewards, &c.metrics, &c.callbacks, &c.loggers})
    for (const PluginUse& use : *uses) add(use.use);
}

void add_rewards(const RunConfig& c, const std::string& prefix, Names& out) {
  for (const PluginUse& use : c.rewards) {
    const std::string name = prefix + "rewards/" + brief_id(use.use);
    for (const char* end : {"/mean", "/std"}) out.known.push_back(name + end);
  }
}

void add_evaluated(const RunConfig& c, Names& out) {
  for (const std::string& set : sets_of(c)) {
    if (c.raft)
      for (const char* each : kAnswers) out.known.push_back(set + each);
    else
      for (const char* each : kExamples) out.known.push_back(set + each);
    if (c.raft) add_rewards(c, set, out);
    add_reported(c, set, out);
  }
  if (c.raft) return;
  // a name of a plugin that begins with the set's is taken as it is (loop/evaluation.h)
  for (const PluginUse& use : c.metrics)
    for (const std::string& set : sets_of(c)) {
      if (!use.prefix.starts_with(set)) out.beginnings.push_back(set + use.prefix);
      if (!use.prefix.empty()) out.beginnings.push_back(use.prefix);
    }
}

// Several rewards of one plugin, or several plugins of one name.
bool is_of_a_reward(const RunConfig& c, std::string_view metric) {
  if (metric.starts_with("eval_")) metric.remove_prefix(5);
  if (!metric.ends_with("/mean") && !metric.ends_with("/std")) return false;
  return std::ranges::any_of(c.rewards, [&](const PluginUse& use) {
    const std::string name = "rewards/" + brief_id(use.use);
    return metric.starts_with(name + "/") || metric.starts_with(name + "-");
  });
}

// Why nothing is evaluated; "" when something is, or may be.
std::string why_no_evaluation(const RunConfig& c, const std::set<std::string>& varied) {
  if (!has_held_out(c) && !varied.contains("data.eval_rows") && !varied.contains("data.eval"))
    return "the run evaluates nothing: set data.eval or data.eval_rows";
  if (!c.raft && c.text("train", "eval_strategy") == "no" && !c.flag("train", "eval_on_start") &&
      !varied.contains("train.eval_strategy") && !varied.contains("train.eval_on_start"))
    return "the run evaluates nothing: set train.eval_strategy";
  return "";
}

// A slip of a finger in a name that the host gives, where a metric plugin might give any.
bool is_slip(const std::string& metric, const std::vector<std::string>& known) {
  constexpr size_t kShort = 8, kSlip = 2;
  return metric.size() >= kShort && std::ranges::any_of(known, [&](const std::string& each) {
           return edit_distance(metric, each) <= kSlip;
         });
}

}  // namespace

std::string metric_fault(const RunConfig& c, const std::string& metric,
                         const std::set<std::string>& varied) {
  const std::string nothing = why_no_evaluation(c, varied);
  Names names;
  add_trained(c, names);
  add_reported(c, "", names);
  add_rewards(c, "", names);
  Names evaluated;
  add_evaluated(c, evaluated);
  const auto holds = [&](const Names& all) {
    return std::ranges::find(all.known, metric) != all.known.end() || is_of_a_reward(c, metric) ||
           (std::ranges::any_of(
                all.beginnings,
                [&](const std::string& each) { return metric.starts_with(each); }) &&
            !is_slip(metric, all.known));
  };
  if (holds(names) && !(metric.starts_with("eval_") && !nothing.empty())) return "";
  const bool is_evaluated = holds(evaluated);
  if (is_evaluated && nothing.empty()) return "";
  if (is_evaluated) return fmt::format("\"{}\" is not logged: {}", metric, nothing);
  std::vector<std::string> all = names.known;
  if (nothing.empty()) all.insert(all.end(), evaluated.known.begin(), evaluated.known.end());
  return fmt::format("the run logs no \"{}\"{}", metric, did_you_mean(metric, all));
}

}  // namespace slipway
