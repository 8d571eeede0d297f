// The charts of a run.
#include "record/report/figures.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "record/report/text.h"

namespace slipway::report {
namespace {

constexpr size_t kManySteps = 120;  // from here on loss and gradient norm get a moving mean
constexpr size_t kMostMarks = 60;
constexpr size_t kMostRewards = 12;  // with a chart each

std::vector<double> scaled(std::vector<double> values, double factor) {
  for (double& value : values) value *= factor;
  return values;
}

// Mean of the finite values around each entry, over what there is of the window at the ends;
// missing where the entry is.
std::vector<double> moving_mean(const std::vector<double>& values, size_t window) {
  std::vector<double> sums{0.0}, counts{0.0}, out;
  for (const double value : values) {
    sums.push_back(sums.back() + (std::isnan(value) ? 0.0 : value));
    counts.push_back(counts.back() + (std::isnan(value) ? 0.0 : 1.0));
  }
  for (size_t i = 0; i < values.size(); ++i) {
    const size_t begin = i - std::min(i, window / 2),
                 end = std::min(values.size(), i + window / 2 + 1);
    out.push_back(std::isnan(values[i])
                      ? kMissing
                      : (sums[end] - sums[begin]) / (counts[end] - counts[begin]));
  }
  return out;
}

void add(Chart& chart, const Table& table, const std::string& x, const std::string& y,
         const std::string& name, int colour, double factor = 1) {
  if (table.has(y) && table.has(x))
    chart.series.push_back({name, colour, table.column(x), scaled(table.column(y), factor)});
}

// Puts a long first series into the background of its moving mean.
void add_mean(Chart& chart) {
  if (chart.series.empty() || chart.series[0].y.size() < kManySteps) return;
  Series mean = chart.series[0];
  const size_t window = std::max<size_t>(9, mean.y.size() / 40);
  mean.name = fmt::format("mean of {}", window);
  mean.y = moving_mean(mean.y, window);
  chart.series[0].faint = true;
  chart.series.push_back(std::move(mean));
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

std::string figure(const std::string& title, const std::string& note, const std::string& svg) {
  if (svg.empty()) return "";
  const std::string more =
      note.empty() ? "" : fmt::format("<p class=\"note\">{}</p>", escape(note));
  return fmt::format("<figure><figcaption><h3>{}</h3>{}</figcaption>\n{}</figure>\n", escape(title),
                     more, svg);
}

std::string reward_figure(const Record& record) {
  const Chart chart = reward_chart(record);
  std::string note;
  if (!chart.bands.empty())
    note = fmt::format("Shade: 95 % interval of the mean over {} held-out prompts. ",
                       whole_text(static_cast<double>(record.held_out_prompts)));
  if (record.iterations.has("policy_reward")) note += "Policy: one sample a prompt. ";
  if (record.iterations.has("selected_reward")) note += "Selected: the samples trained on.";
  return figure("Reward", note, svg_curve(chart));
}

// With several rewards a chart of each: their scales are their own.
std::string reward_figures(const Record& record) {
  const std::vector<std::string> names = reward_names(record);
  std::string out;
  for (size_t i = 0; names.size() > 1 && i < std::min(names.size(), kMostRewards); ++i) {
    const std::string key = "rewards/" + names[i] + "/mean";
    Chart chart = per_iteration(record, "mean score of an answer");
    add(chart, record.iterations, "iteration", key, "training", 2);
    add(chart, record.evaluations, evaluation_x(record), "eval_" + key, "held-out", 1);
    const bool cut = i + 1 == kMostRewards && names.size() > kMostRewards;
    out += figure("Reward " + names[i],
                  fmt::format("Before its weight, over the answers that it has an opinion on.{}",
                              cut ? fmt::format(" {} more rewards are in metrics.jsonl.",
                                                names.size() - kMostRewards)
                                  : ""),
                  svg_curve(chart));
  }
  return out;
}

std::string loss_figure(const Record& record) {
  const Chart chart = loss_chart(record);
  std::string note;
  if (!chart.series.empty() && chart.series[0].faint)
    note = "Thin: every logged step. Bold: the mean around it. ";
  if (!chart.marks.empty()) note += "A dotted line stands where an iteration ends.";
  return figure("Training loss", note, svg_curve(chart));
}

std::string histogram_figure(const Record& record) {
  std::vector<Bars> bars;
  const auto name = [](int iteration) { return fmt::format("iteration {}", iteration); };
  if (!record.first_rewards.empty())
    bars.push_back({name(record.first_iteration), 5, record.first_rewards});
  if (!record.last_rewards.empty())
    bars.push_back({name(record.last_iteration), 1, record.last_rewards});
  return figure("Rewards of the training samples", "Every sample drawn, before selection.",
                svg_histogram(bars, "reward of a sample"));
}

std::string length_figures(const Record& record) {
  const std::string x = evaluation_x(record);
  Chart length = per_iteration(record, "tokens an answer");
  length.from_zero = true;
  add(length, record.iterations, "iteration", "mean_length", "training", 2);
  add(length, record.evaluations, x, "eval_mean_length", "held-out", 1);
  Chart cut = per_iteration(record, "% of answers");
  cut.from_zero = true;
  add(cut, record.iterations, "iteration", "cut_share", "training", 2, 100);
  add(cut, record.evaluations, x, "eval_cut_share", "held-out", 1, 100);
  return figure("Mean length", "", svg_curve(length)) +
         figure("Cut share", "Answers that reached the token limit before they ended.",
                svg_curve(cut));
}

std::string optimizer_figures(const Record& record) {
  Chart rate = per_step(record, "learning rate"),
        norm = per_step(record, "gradient norm before clipping");
  rate.from_zero = norm.from_zero = true;
  add(rate, record.steps, "global_step", "learning_rate", "rate", 3);
  add(norm, record.steps, "global_step", "grad_norm", "norm", 4);
  add_mean(norm);
  return figure("Learning rate", "", svg_curve(rate)) +
         figure("Gradient norm", "", svg_curve(norm));
}

std::string speed_figures(const Record& record) {
  Chart kl = per_iteration(record, "KL to the starting model, nats a token"),
        time = per_iteration(record, "seconds");
  kl.from_zero = time.from_zero = true;
  add(kl, record.iterations, "iteration", "kl", "KL", 4);
  add(time, record.iterations, "iteration", "generate_seconds", "generate", 1);
  add(time, record.iterations, "iteration", "train_seconds", "train", 2);
  add(time, record.evaluations, "iteration", "eval_runtime", "evaluate", 3);
  // Time alone, without a finished iteration, would be a chart of one evaluation.
  const std::string svg = record.iterations.rows > 0 ? svg_curve(time) : "";
  Chart speed = per_step(record, "tokens/s");
  speed.from_zero = true;
  add(speed, record.steps, "global_step", "tokens_per_second", "trained", 2);
  add_mean(speed);
  std::string mfu;
  if (record.steps.has("mfu"))
    mfu = fmt::format("{} % of the processor's measured matrix product rate at the end.",
                      number_text(100 * record.steps.last("mfu"), 2));
  return figure("Distance from the starting model", "", svg_curve(kl)) +
         figure("Time of an iteration", "", svg) + figure("Training speed", mfu, svg_curve(speed));
}

}  // namespace

Chart reward_chart(const Record& record) {
  Chart chart = per_iteration(record, "mean reward of an answer");
  const Table& held_out = record.evaluations;
  const std::string x = evaluation_x(record);
  add(chart, record.iterations, "iteration", "selected_reward", "selected", 2);
  add(chart, record.iterations, "iteration", "policy_reward", "policy", 3);
  add(chart, held_out, x, "eval_reward", "held-out", 1);
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
  return out;
}

Chart distinct_chart(const Record& record) {
  Chart chart = per_iteration(record, "distinct n-grams / all n-grams");
  const bool held_out = record.evaluations.has("eval_distinct_2");
  const Table& table = held_out ? record.evaluations : record.iterations;
  const std::string prefix = held_out ? "eval_" : "",
                    x = held_out ? evaluation_x(record) : "iteration";
  add(chart, table, x, prefix + "distinct_2", "distinct-2", 1);
  add(chart, table, x, prefix + "distinct_1", "distinct-1", 4);
  const double base = table.first(prefix + "distinct_2");
  if (!chart.series.empty() && !std::isnan(base))
    chart.levels.push_back(
        {kDistinctFloor * base, fmt::format("{} of the first distinct-2", kDistinctFloor)});
  return chart;
}

Chart loss_chart(const Record& record) {
  Chart chart = per_step(record, "loss, nats a token");
  add(chart, record.steps, "global_step", "loss", "training", 1);
  add_mean(chart);
  add(chart, record.evaluations, "global_step", "eval_loss", "held-out", 2);
  return chart;
}

std::string figures(const Record& record) {
  const Chart distinct = distinct_chart(record);
  const bool held_out = record.evaluations.has("eval_distinct_2");
  std::string out = reward_figure(record) + reward_figures(record);
  out +=
      figure(held_out ? "Diversity of the held-out answers" : "Diversity of the training samples",
             "Falls when the answers become alike.", svg_curve(distinct));
  out += histogram_figure(record) + loss_figure(record) + optimizer_figures(record) +
         length_figures(record) + speed_figures(record);
  return out.empty() ? "" : "<div class=\"charts\">\n" + out + "</div>\n";
}

}  // namespace slipway::report
