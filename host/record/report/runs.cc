// Runs beside each other.
#include "record/report/runs.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "base/error.h"
#include "base/place.h"
#include "record/report/figure.h"
#include "record/report/figures.h"
#include "record/report/series.h"
#include "record/report/text.h"

namespace slipway::report {
namespace {

constexpr int kFirstColour = 11;  // of style.h
constexpr size_t kSolid = 4;      // the others are dashed: colour is not all that tells them apart
constexpr size_t kMostRewardCurves = 12, kMostMetricCurves = 12;

struct Shared {
  std::string title, y_name;
  Table Record::* table;
  std::string key;
  bool log = false, from_zero = false;
};

std::vector<Shared> shared_curves(const std::vector<Run>& runs) {
  const std::string reward = "mean reward of an answer", loss = "loss, nats a token";
  std::vector<Shared> out = {
      {"Held-out reward", reward, &Record::evaluations, "eval_reward"},
      {"Reward of the training samples", reward, &Record::iterations, "reward_mean"}};
  std::vector<std::string> names;
  for (const Run& run : runs)
    for (const std::string& name : reward_names(run.record))
      if (std::ranges::find(names, name) == names.end()) names.push_back(name);
  for (size_t i = 0; names.size() > 1 && i < std::min(names.size(), kMostRewardCurves); ++i)
    out.push_back({"Held-out reward: " + names[i], "mean score of an answer", &Record::evaluations,
                   "eval_rewards/" + names[i] + "/mean"});
  out.push_back({"Held-out loss", loss, &Record::evaluations, "eval_loss", true});
  for (const std::string& name : shared_metrics(runs))
    out.push_back({"Held-out " + name, name, &Record::evaluations, "eval_" + name});
  const std::vector<Shared> more = {
      {"Training loss", loss, &Record::steps, "loss", true},
      {"Held-out diversity", "distinct 2-grams / all 2-grams", &Record::evaluations,
       "eval_distinct_2"},
      {"Mean length", "tokens a held-out answer", &Record::evaluations, "eval_mean_length", false,
       true},
      {"Distance from the starting model", "KL, nats a token", &Record::iterations, "kl", false,
       true},
      {"Learning rate", "learning rate", &Record::steps, "learning_rate", false, true},
      {"Gradient norm", "gradient norm before clipping", &Record::steps, "grad_norm", false, true},
      {"Training speed", "tokens/s", &Record::steps, "tokens_per_second", false, true}};
  out.insert(out.end(), more.begin(), more.end());
  return out;
}

// Iterations where every run that has the figure counts by them.
bool by_iteration(const std::vector<Run>& runs, const Shared& shared) {
  return shared.table != &Record::steps && std::ranges::all_of(runs, [&](const Run& run) {
           const Table& table = run.record.*shared.table;
           return !table.has(shared.key) || table.has("iteration");
         });
}

std::string shared_figure(const std::vector<Run>& runs, const Shared& shared,
                          const std::string& id) {
  const bool iterations = by_iteration(runs, shared);
  Chart chart;
  chart.x_name = iterations ? "RAFT iteration (0: before training)" : "optimizer step";
  chart.counted = iterations ? "iteration" : "step";
  chart.y_name = shared.y_name;
  chart.from_zero = shared.from_zero;
  std::string note;
  for (const Run& run : runs) {
    const size_t before = chart.series.size();
    add_series(chart, run.record.*shared.table, iterations ? "iteration" : "global_step",
               shared.key, run.name, run.colour);
    if (chart.series.size() == before) continue;
    Series& series = chart.series.back();
    if (shared.table == &Record::steps)
      if (std::optional<Series> mean = mean_of_long(series)) {
        note = "Curves of many steps are moving means.";
        series.y = std::move(mean->y);
      }
    series.dashed = run.dashed;
  }
  return shared.log ? figure_with_log(shared.title, note, chart, id)
                    : figure(shared.title, note, chart);
}

// The last `depth` parts of a path.
std::string tail(const fs::path& path, size_t depth) {
  const std::vector<fs::path> parts(path.begin(), path.end());
  fs::path out;
  for (size_t i = parts.size() - std::min(depth, parts.size()); i < parts.size(); ++i)
    out /= parts[i];
  return out.string();
}

std::vector<std::string> telling_names(const std::vector<fs::path>& folders) {
  std::vector<fs::path> whole;
  for (const fs::path& folder : folders)
    whole.push_back(without_slash(fs::absolute(folder).lexically_normal()));
  std::vector<size_t> depth(whole.size(), 1);
  std::vector<std::string> out(whole.size());
  for (bool again = true; again;) {
    again = false;
    for (size_t i = 0; i < whole.size(); ++i) out[i] = tail(whole[i], depth[i]);
    for (size_t i = 0; i < whole.size(); ++i)
      if (std::ranges::count(out, out[i]) > 1 && tail(whole[i], depth[i] + 1) != out[i]) {
        ++depth[i];
        again = true;
      }
  }
  for (std::string& name : out) name = clean_text(name);
  return out;
}

}  // namespace

std::vector<Run> read_runs(const std::vector<fs::path>& folders) {
  if (folders.size() > kMostRuns)
    fail("{} runs: the curves of more than {} cannot be told apart; leave some out", folders.size(),
         kMostRuns);
  std::set<fs::path> seen;
  std::vector<Run> out;
  const std::vector<std::string> names = telling_names(folders);
  for (size_t i = 0; i < folders.size(); ++i) {
    std::error_code ec;
    if (!seen.insert(fs::weakly_canonical(folders[i], ec)).second)
      fail("{}: is given twice", folders[i].string());
    out.push_back({names[i], read_rows(folders[i])});
  }
  colour(out);
  return out;
}

std::vector<std::string> shared_metrics(const std::vector<Run>& runs) {
  std::vector<std::string> out;
  for (const Run& run : runs)
    for (const std::string& name : metric_names(run.record))
      if (std::ranges::find(out, name) == out.end() && out.size() < kMostMetricCurves)
        out.push_back(name);
  return out;
}

void colour(std::vector<Run>& runs) {
  for (size_t i = 0; i < runs.size(); ++i) {
    runs[i].colour = kFirstColour + static_cast<int>(std::min(i, kMostRuns - 1));
    runs[i].dashed = i >= kSolid;
  }
}

std::string legend(const std::vector<Run>& runs) {
  std::string out = "<ul class=\"legend\">\n";
  for (const Run& run : runs)
    out += fmt::format("<li class=\"c{}{}\">{}</li>\n", run.colour, run.dashed ? " dashed" : "",
                       escape(run.name));
  return out + "</ul>\n";
}

std::string shared_figures(const std::vector<Run>& runs) {
  std::string out;
  int number = 0;
  for (const Shared& shared : shared_curves(runs))
    out += shared_figure(runs, shared, fmt::format("log-{}", ++number));
  return grid_of(out);
}

std::vector<std::string> telling_texts(const std::vector<double>& values) {
  std::vector<std::string> out;
  for (int digits = 3; digits <= 7; ++digits) {
    out.clear();
    bool told = true;
    for (const double value : values) {
      const std::string text = number_text(value, digits);
      for (size_t i = 0; i < out.size(); ++i)
        told = told && (out[i] != text || !(std::abs(values[i] - value) > 1e-9 * std::abs(value)));
      out.push_back(text);
    }
    if (told) break;
  }
  return out;
}

}  // namespace slipway::report
