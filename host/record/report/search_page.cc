// The page of a search: its trials, the best first, and what their values depend on.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "record/report/figure.h"
#include "record/report/page.h"
#include "record/report/report.h"
#include "record/report/runs.h"
#include "record/report/text.h"
#include "record/report/trials.h"

namespace slipway {
namespace report {
namespace {

const Trial* best_of(const Search& search) {
  const bool known = search.direction != 0 && !search.trials.empty() &&
                     !std::isnan(search.trials.front().objective);
  return known ? &search.trials.front() : nullptr;
}

const SearchedValue* value_of(const Trial& trial, const std::string& key) {
  for (const auto& [name, value] : trial.values)
    if (name == key) return &value;
  return nullptr;
}

std::string trial_folder(const Trial& trial) { return fmt::format("trial-{:04}", trial.number); }

// The first of the table whose folders are still there.
std::vector<Run> curves_of(const Search& search, const fs::path& search_dir) {
  std::vector<Run> out;
  for (const Trial& trial : search.trials) {
    if (std::isnan(trial.objective) || out.size() == kMostRuns) continue;
    try {
      out.push_back(
          {fmt::format("trial {}", trial.number), read_rows(search_dir / trial_folder(trial))});
    } catch (const Error&) {  // a trial that another program ran, or whose folder was removed
    }
  }
  colour(out);
  return out;
}

std::string head(const Search& search) {
  size_t complete = 0, failed = 0;
  for (const Trial& trial : search.trials) {
    complete += trial.state == "complete" ? 1 : 0;
    failed += trial.state == "failed" ? 1 : 0;
  }
  const size_t others = search.trials.size() - complete - failed;
  std::string line = fmt::format("{} trial{}: {} complete", search.trials.size(),
                                 search.trials.size() == 1 ? "" : "s", complete);
  if (failed > 0) line += fmt::format(", {} failed", failed);
  if (others > 0) line += fmt::format(", {} not finished", others);
  std::string out = page_head(kSearchPage, search.name, line);
  const Trial* best = best_of(search);
  if (best == nullptr) return out;
  const auto tile = [](const std::string& name, const std::string& value, const std::string& more) {
    return fmt::format(
        "<div class=\"tile\"><dt>{}</dt><dd class=\"big\">{}</dd><dd "
        "class=\"more\">{}</dd></div>\n",
        escape(name), escape(value), escape(more));
  };
  out += "<dl class=\"tiles\">\n" + tile(fmt::format("Best {}", search.metric),
                                         number_text(best->objective, 4),
                                         fmt::format("trial {}; {} is better", best->number,
                                                     search.direction > 0 ? "more" : "less"));
  for (const auto& [key, value] : best->values)
    out += tile(key, fitted(value.text, 25, 240), fmt::format("in trial {}", best->number));
  return out + "</dl>\n";
}

std::string trial_row(const Search& search, const std::vector<std::string>& keys,
                      const Trial& trial, const std::string& objective,
                      const std::vector<Run>& curves) {
  const std::string name = fmt::format("trial {}", trial.number);
  const auto curve = std::ranges::find(curves, name, &Run::name);
  std::string out = fmt::format(
      "<tr><td class=\"row\"><span class=\"swatch{}\">{}</span></td><td data-when=\"{}\">{}</td>",
      curve == curves.end() ? ""
                            : fmt::format(" c{}{}", curve->colour, curve->dashed ? " dashed" : ""),
      name, escape(search.metric), std::isnan(trial.objective) ? escape(trial.state) : objective);
  for (const std::string& key : keys) {
    const SearchedValue* value = value_of(trial, key);
    out += fmt::format("<td data-when=\"{}\">{}</td>", escape(key),
                       value == nullptr ? "–" : escape(shortened(value->text, 200)));
  }
  return out + "</tr>\n";
}

std::string trial_table(const Search& search, const std::vector<Run>& curves) {
  constexpr size_t kTrialsAtOnce =
      20;  // the others are behind a line to open: the charts are below
  const std::vector<std::string> keys = search.keys();
  std::vector<double> objectives;
  for (const Trial& trial : search.trials) objectives.push_back(trial.objective);
  const std::vector<std::string> texts = telling_texts(objectives);
  std::string head = fmt::format("<th>trial</th><th>{}</th>", escape(search.metric));
  for (const std::string& key : keys) head += fmt::format("<th>{}</th>", escape(key));
  const auto table = [&](size_t begin, size_t end) {
    std::string rows;
    for (size_t i = begin; i < end; ++i)
      rows += trial_row(search, keys, search.trials[i], texts[i], curves);
    return fmt::format(
        "<div class=\"sheet\"><table class=\"numbers stacked\"><thead><tr>{}</tr></thead><tbody>\n"
        "{}</tbody></table></div>\n",
        head, rows);
  };
  const size_t all = search.trials.size(), few = std::min(all, kTrialsAtOnce);
  std::string out =
      fmt::format("<section><h2>Trials</h2>\n<p class=\"note\">{}</p>\n{}",
                  search.direction == 0
                      ? "In their order: trials.jsonl does not say whether more or less is better."
                      : "The best first.",
                  table(0, few));
  if (few < all)
    out += fmt::format("<details><summary>{} more</summary>\n{}</details>\n", all - few,
                       table(few, all));
  return out + "</section>\n";
}

Chart chart_of(const Search& search, const std::string& x_name, const std::string& counted) {
  Chart chart;
  chart.x_name = x_name;
  chart.y_name = search.metric;
  chart.counted = counted;
  chart.series.push_back({"", 1, {}, {}});
  chart.series[0].joined = false;
  return chart;
}

std::string against_trial(const Search& search) {
  Chart chart = chart_of(search, "trial", "trial");
  std::vector<const Trial*> order;
  for (const Trial& trial : search.trials) order.push_back(&trial);
  std::ranges::sort(order, {}, &Trial::number);
  Series &dots = chart.series[0], so_far{"best so far", 2, {}, {}};
  for (const Trial* trial : order) {
    if (trial->state == "failed") chart.marks.push_back(static_cast<double>(trial->number));
    if (std::isnan(trial->objective)) continue;
    dots.x.push_back(static_cast<double>(trial->number));
    dots.y.push_back(trial->objective);
    const double before = so_far.y.empty() ? trial->objective : so_far.y.back();
    so_far.x.push_back(static_cast<double>(trial->number));
    so_far.y.push_back(search.direction > 0 ? std::max(before, trial->objective)
                                            : std::min(before, trial->objective));
  }
  // under the dots
  if (search.direction != 0) chart.series.insert(chart.series.begin(), std::move(so_far));
  return figure(fmt::format("{} of each trial", search.metric),
                chart.marks.empty() ? "" : "A dotted line is a trial that failed.", chart);
}

// Numbers on an axis, logarithmic when they span more than a factor of 10; else a place for each
// value.
std::string against_key(const Search& search, const std::string& key) {
  constexpr size_t kMostNames = 12;
  Chart chart = chart_of(search, key, key);
  std::vector<std::pair<const SearchedValue*, const Trial*>> points;
  for (const Trial& trial : search.trials)
    if (const SearchedValue* value = value_of(trial, key);
        value != nullptr && !std::isnan(trial.objective))
      points.emplace_back(value, &trial);
  if (points.empty()) return "";
  const bool numbers = std::ranges::none_of(
      points, [](const auto& point) { return std::isnan(point.first->number); });
  if (!numbers) {
    for (const auto& [value, trial] : points) chart.x_names.push_back(value->text);
    std::ranges::sort(chart.x_names);
    chart.x_names.erase(std::unique(chart.x_names.begin(), chart.x_names.end()),
                        chart.x_names.end());
    if (chart.x_names.size() > kMostNames) return "";
    chart.hover = false;
  }
  double lo = INFINITY, hi = -INFINITY;
  for (const auto& [value, trial] : points) {
    const double x = numbers ? value->number
                             : static_cast<double>(std::ranges::find(chart.x_names, value->text) -
                                                   chart.x_names.begin());
    chart.series[0].x.push_back(x);
    chart.series[0].y.push_back(trial->objective);
    lo = std::min(lo, x);
    hi = std::max(hi, x);
  }
  chart.x_log = numbers && lo > 0 && hi > 10 * lo;
  // an axis of counts where all are whole: no tick stands at a batch of 2.5
  chart.x_range = numbers && std::ranges::any_of(chart.series[0].x, [](double x) {
                    return x != std::round(x) || std::abs(x) > 1e6;
                  });
  if (best_of(search) != nullptr) {  // the first in the table
    Series best{"best", 2, {chart.series[0].x[0]}, {chart.series[0].y[0]}};
    best.joined = false;
    chart.series.push_back(std::move(best));
  }
  return figure(fmt::format("{} against {}", search.metric, key), "", chart);
}

std::string page(const Search& search, const std::vector<Run>& curves) {
  std::string charts = against_trial(search);
  for (const std::string& key : search.keys()) charts += against_key(search, key);
  std::string out = head(search) + trial_table(search, curves);
  if (!charts.empty())
    out += "<section><h2>What the value depends on</h2>\n" + grid_of(charts) + "</section>\n";
  if (const std::string shared = shared_figures(curves); !shared.empty())
    out += fmt::format("<section><h2>Curves of {}</h2>\n",
                       search.direction != 0 && curves.size() > 1
                           ? fmt::format("the best {} trials", curves.size())
                           : "trials") +
           legend(curves) + shared + "</section>\n";
  out += "<footer>Made from trials.jsonl and the folders of the trials.";
  if (search.unreadable > 0)
    out += fmt::format(" {} line{} of trials.jsonl could not be read.", search.unreadable,
                       search.unreadable == 1 ? "" : "s");
  return html_page(kSearchPage, search.name, out + "</footer>\n");
}

}  // namespace
}  // namespace report

void write_search_report(const fs::path& search_dir, const fs::path& html) {
  const report::Search search = report::read_search(search_dir);
  report::place_page(html, report::kSearchPage,
                     report::page(search, report::curves_of(search, search_dir)));
}

}  // namespace slipway
