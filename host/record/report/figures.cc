// The charts of a run.
#include "record/report/figures.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "record/report/figure.h"
#include "record/report/series.h"
#include "record/report/text.h"

namespace slipway::report {
namespace {

constexpr size_t kMostMarks = 60;
constexpr size_t kMostRewards = 12, kMostMetrics = 12;  // with a chart each

// Puts a long first series into the background of its moving mean.
void add_mean(Chart& chart) {
  if (chart.series.empty()) return;
  std::optional<Series> mean = mean_of_long(chart.series[0]);
  if (!mean) return;
  chart.series[0].faint = true;
  chart.series.push_back(std::move(*mean));
}

// Evaluations of a RAFT run are counted by iteration, others by step.
bool by_iteration(const Record& record) {
  return record.iterations.rows > 0 || record.evaluations.has("iteration");
}
std::string evaluation_x(const Record& record) {
  return by_iteration(record) ? "iteration" : "global_step";
}

Chart per_iteration(const Record& record, const std::string& y_name) {
  Chart chart;
  chart.x_name = by_iteration(record) ? "RAFT iteration (0: before training)" : "optimizer step";
  chart.counted = by_iteration(record) ? "iteration" : "step";
  chart.y_name = y_name;
  return chart;
}

Chart per_step(const Record& record, const std::string& y_name) {
  Chart chart;
  chart.x_name = "optimizer step";
  chart.counted = "step";
  chart.y_name = y_name;
  const std::vector<double>& ends = record.iterations.column("global_step");
  if (ends.size() > 1 && ends.size() <= kMostMarks)
    chart.marks.assign(ends.begin(), ends.end() - 1);
  return chart;
}

std::string reward_figure(const Record& record) {
  const Chart chart = reward_chart(record);
  std::string note;
  if (!chart.bands.empty())
    note = fmt::format("Shade: 95 % interval of the mean over {} held-out prompts. ",
                       whole_text(static_cast<double>(record.held_out_prompts)));
  if (record.iterations.has("policy_reward")) note += "Policy: one sample a prompt. ";
  if (record.iterations.has("selected_reward")) note += "Selected: the samples trained on.";
  return figure(reward_names(record).size() > 1 ? "Reward: the weighted sum" : "Reward", note,
                chart);
}

// With several rewards a chart of each: their scales are their own.
std::string reward_figures(const Record& record) {
  const std::vector<std::string> names = reward_names(record);
  std::string out;
  for (size_t i = 0; names.size() > 1 && i < std::min(names.size(), kMostRewards); ++i) {
    const std::string key = "rewards/" + names[i] + "/mean";
    Chart chart = per_iteration(record, "mean score of an answer");
    add_series(chart, record.iterations, "iteration", key, "training", 2);
    add_series(chart, record.evaluations, evaluation_x(record), "eval_" + key, "held-out", 1);
    const bool cut = i + 1 == kMostRewards && names.size() > kMostRewards;
    out += figure("Reward " + names[i],
                  fmt::format("Before its weight, over the answers that it has an opinion on.{}",
                              cut ? fmt::format(" {} more rewards are in metrics.jsonl.",
                                                names.size() - kMostRewards)
                                  : ""),
                  chart);
  }
  return out;
}

std::string metric_figures(const Record& record) {
  const std::vector<std::string> names = metric_names(record);
  std::string out;
  for (size_t i = 0; i < std::min(names.size(), kMostMetrics); ++i) {
    Chart chart = per_iteration(record, names[i]);
    add_series(chart, record.evaluations, evaluation_x(record), "eval_" + names[i], "held-out", 2);
    const bool cut = i + 1 == kMostMetrics && names.size() > kMostMetrics;
    out += figure(
        "Metric " + names[i],
        cut ? fmt::format("{} more metrics are in metrics.jsonl.", names.size() - kMostMetrics)
            : "",
        chart);
  }
  return out;
}

std::string loss_figure(const Record& record) {
  const Chart chart = loss_chart(record);
  std::string note;
  if (!chart.series.empty() && chart.series[0].faint)
    note = "Thin: every logged step. Bold: the mean around it. ";
  if (!chart.marks.empty()) note += "A dotted line stands where an iteration ends.";
  return figure_with_log("Training loss", note, chart, "log-loss");
}

std::string histogram_figure(const Record& record) {
  std::vector<Bars> bars;
  const auto name = [](int iteration) { return fmt::format("iteration {}", iteration); };
  if (!record.first_rewards.empty())
    bars.push_back({name(record.first_iteration), 5, record.first_rewards});
  if (!record.last_rewards.empty())
    bars.push_back({name(record.last_iteration), 1, record.last_rewards});
  return figure("Rewards of the training samples", "Every sample drawn, before selection.",
                Histogram{.bars = bars, .x_name = "reward of a sample", .css = ""});
}

std::string length_figures(const Record& record) {
  const std::string x = evaluation_x(record);
  Chart length = per_iteration(record, "tokens an answer");
  length.from_zero = true;
  add_series(length, record.iterations, "iteration", "mean_length", "training", 2);
  add_series(length, record.evaluations, x, "eval_mean_length", "held-out", 1);
  Chart cut = per_iteration(record, "% of answers");
  cut.from_zero = true;
  add_series(cut, record.iterations, "iteration", "cut_share", "training", 2, 100);
  add_series(cut, record.evaluations, x, "eval_cut_share", "held-out", 1, 100);
  return figure("Mean length", "", length) +
         figure("Cut share", "Answers that reached the token limit before they ended.", cut);
}

std::string optimizer_figures(const Record& record) {
  Chart rate = per_step(record, "learning rate"),
        norm = per_step(record, "gradient norm before clipping");
  rate.from_zero = norm.from_zero = true;
  add_series(rate, record.steps, "global_step", "learning_rate", "rate", 3);
  add_series(norm, record.steps, "global_step", "grad_norm", "norm", 4);
  add_mean(norm);
  return figure("Learning rate", "", rate) + figure("Gradient norm", "", norm);
}

std::string speed_figures(const Record& record) {
  Chart kl = per_iteration(record, "KL to the starting model, nats a token"),
        time = per_iteration(record, "seconds");
  kl.from_zero = time.from_zero = true;
  add_series(kl, record.iterations, "iteration", "kl", "KL", 4);
  add_series(time, record.iterations, "iteration", "generate_seconds", "generate", 1);
  add_series(time, record.iterations, "iteration", "train_seconds", "train", 2);
  add_series(time, record.evaluations, "iteration", "eval_runtime", "evaluate", 3);
  // Time alone, without a finished iteration, would be a chart of one evaluation.
  if (record.iterations.rows == 0) time.series.clear();
  Chart speed = per_step(record, "tokens/s");
  speed.from_zero = true;
  add_series(speed, record.steps, "global_step", "tokens_per_second", "trained", 2);
  add_mean(speed);
  std::string mfu;
  if (record.steps.has("mfu"))
    mfu = fmt::format("{} % of the processor's measured multiply-add peak at the end.",
                      number_text(100 * record.steps.last("mfu"), 2));
  return figure("Distance from the starting model", "", kl) +
         figure("Time of an iteration", "", time) + figure("Training speed", mfu, speed);
}

}  // namespace

Chart reward_chart(const Record& record) {
  Chart chart = per_iteration(record, "mean reward of an answer");
  const Table& held_out = record.evaluations;
  const std::string x = evaluation_x(record);
  add_series(chart, record.iterations, "iteration", "selected_reward", "selected", 2);
  add_series(chart, record.iterations, "iteration", "policy_reward", "policy", 3);
  add_series(chart, held_out, x, "eval_reward", "held-out", 1);
  if (record.held_out_prompts > 1 && held_out.has("eval_reward") &&
      held_out.has("eval_reward_std") && held_out.has(x)) {
    Band band{1, held_out.column(x), held_out.column("eval_reward"),
              held_out.column("eval_reward")};
    const std::vector<double>& std = held_out.column("eval_reward_std");
    const std::vector<double>& unscored = held_out.column("eval_unscored_share");
    for (size_t i = 0; i < std.size(); ++i) {
      const double scored = i < unscored.size() && unscored[i] > 0 ? 1 - unscored[i] : 1;
      const double half =
          1.96 * std[i] / std::sqrt(scored * static_cast<double>(record.held_out_prompts));
      band.lo[i] -= half;
      band.hi[i] += half;
    }
    chart.bands.push_back(std::move(band));
  }
  return chart;
}

std::vector<std::string> reward_names(const Record& record) {
  std::vector<std::string> out;
  for (const auto& [table, begin] :
       {std::pair{&record.iterations, "rewards/"}, std::pair{&record.evaluations, "eval_rewards/"}})
    for (const auto& [key, column] : table->columns) {
      const std::string head = begin, tail = "/mean";
      if (!key.starts_with(head) || !key.ends_with(tail) || key.size() <= head.size() + tail.size())
        continue;
      std::string name = key.substr(head.size(), key.size() - head.size() - tail.size());
      if (std::find(out.begin(), out.end(), name) == out.end()) out.push_back(std::move(name));
    }
  std::sort(out.begin(), out.end());
  return out;
}

std::vector<std::string> metric_names(const Record& record) {
  std::vector<std::string> out;
  if (by_iteration(record)) return out;
  for (const auto& [key, column] : record.evaluations.columns) {
    const bool of_the_host =
        std::ranges::any_of(std::initializer_list<const char*>{"_loss", "_runtime", "_per_second"},
                            [&, &name = key](const char* end) { return name.ends_with(end); });
    if (key.starts_with("eval_") && !of_the_host && record.evaluations.has(key))
      out.push_back(key.substr(5));
  }
  return out;
}

double distinct_floor(const Record& record) {
  const auto at = record.values.find("raft.min_distinct_2");
  return at != record.values.end() && at->second.is_number() ? at->second.number() : 0;
}

Chart distinct_chart(const Record& record) {
  Chart chart = per_iteration(record, "distinct n-grams / all n-grams");
  const bool held_out = record.evaluations.has("eval_distinct_2");
  const Table& table = held_out ? record.evaluations : record.iterations;
  const std::string prefix = held_out ? "eval_" : "",
                    x = held_out ? evaluation_x(record) : "iteration";
  add_series(chart, table, x, prefix + "distinct_2", "distinct-2", 1);
  add_series(chart, table, x, prefix + "distinct_1", "distinct-1", 4);
  const double base = record.evaluations.first("eval_distinct_2"), share = distinct_floor(record);
  if (!chart.series.empty() && held_out && share > 0)
    chart.levels.push_back(
        {share * base, fmt::format("raft.min_distinct_2: {} of the first", plain_text(share))});
  return chart;
}

Chart loss_chart(const Record& record) {
  Chart chart = per_step(record, "loss, nats a token");
  add_series(chart, record.steps, "global_step", "loss", "training", 1);
  add_mean(chart);
  add_series(chart, record.evaluations, "global_step", "eval_loss", "held-out", 2);
  int colour = 3;  // of named sets of held-out data
  for (const auto& [key, column] : record.evaluations.columns)
    if (key.starts_with("eval_") && key.ends_with("_loss") && key.size() > 10 && colour <= 5)
      add_series(chart, record.evaluations, "global_step", key, key.substr(5, key.size() - 10),
                 colour++);
  return chart;
}

std::string figures(const Record& record) {
  const Chart distinct = distinct_chart(record);
  const bool held_out = record.evaluations.has("eval_distinct_2");
  std::string out = reward_figure(record) + reward_figures(record);
  out +=
      figure(held_out ? "Diversity of the held-out answers" : "Diversity of the training samples",
             "Falls when the answers become alike.", distinct);
  out += histogram_figure(record) + loss_figure(record) + metric_figures(record) +
         optimizer_figures(record) + length_figures(record) + speed_figures(record);
  return grid_of(out);
}

}  // namespace slipway::report
