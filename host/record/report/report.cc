// The page that shows a run: what ran, key figures, answers, charts, numbers, configuration.
#include "record/report/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "base/files.h"
#include "record/report/data.h"
#include "record/report/facts.h"
#include "record/report/figures.h"
#include "record/report/page.h"
#include "record/report/samples.h"
#include "record/report/text.h"

namespace slipway {
namespace report {
namespace {

constexpr size_t kMostTableRows = 200;

std::string tile(const std::string& name, const std::string& value, const std::string& more) {
  return fmt::format(
      "<div class=\"tile\"><dt>{}</dt><dd class=\"big\">{}</dd><dd class=\"more\">{}</dd></div>\n",
      name, value, more);
}

std::string from_to(const ChangeText& text) {
  return fmt::format("{} <small>→</small> {}", text.from, text.to);
}

double value_at(const Table& table, const std::string& key, int row) {
  const std::vector<double>& column = table.column(key);
  return row >= 0 && static_cast<size_t>(row) < column.size() ? column[static_cast<size_t>(row)]
                                                              : kMissing;
}

std::string reward_tiles(const Record& record) {
  const Table& held_out = record.evaluations;
  std::string out;
  if (const double from = held_out.first("eval_reward"), to = final_value(record, "eval_reward");
      !std::isnan(to)) {
    const std::string prompts =
        record.held_out_prompts > 0
            ? fmt::format(" on {} prompts",
                          whole_text(static_cast<double>(record.held_out_prompts)))
            : "";
    const ChangeText text = change_text(from, to);
    out += held_out.rows > 1
               ? tile("Held-out reward, before → after", from_to(text), text.change + prompts)
               : tile("Held-out reward", number_text(to), "before training" + prompts);
  }
  if (const double from = held_out.first("eval_distinct_2"),
      to = final_value(record, "eval_distinct_2"), floor = distinct_floor(record);
      held_out.rows > 1 && to >= 0 && from > 0) {
    const ChangeText text = change_text(from, to);
    std::string more = fmt::format("{} → {}", text.from, text.to);
    // a judgement by the run's own rule alone
    if (floor > 0)
      more += fmt::format(", {} raft.min_distinct_2 = {}", to >= floor * from ? "above" : "under",
                          plain_text(floor));
    out += tile("Diversity kept (distinct-2)", fmt::format("{:.0f} %", 100 * to / from), more);
  }
  return out;
}

// Where the held-out loss fell and has risen again: "; least 2.27 at step 9".
std::string least_loss(const Table& evaluations) {
  const std::vector<double>& losses = evaluations.column("eval_loss");
  size_t least = 0;
  for (size_t i = 1; i < losses.size(); ++i)
    if (std::isnan(losses[least]) || losses[i] < losses[least]) least = i;
  const ChangeText text = change_text(losses[least], evaluations.last("eval_loss"));
  if (least == 0 || text.from == text.to) return "";
  const double step = value_at(evaluations, "global_step", static_cast<int>(least));
  return fmt::format("; least {}{}", text.from,
                     std::isnan(step) ? "" : " at step " + whole_text(step));
}

std::string loss_tiles(const Record& record) {
  std::string out;
  if (const double from = record.evaluations.first("eval_loss"),
      to = record.evaluations.last("eval_loss");
      !std::isnan(to)) {
    const ChangeText text = change_text(from, to);
    out += record.evaluations.rows > 1 ? tile("Held-out loss, first → last", from_to(text),
                                              text.change + least_loss(record.evaluations))
                                       : tile("Held-out loss", number_text(to), "one evaluation");
  }
  if (!record.evaluations.has("eval_reward") && record.steps.has("loss")) {
    const ChangeText text = change_text(record.steps.first("loss"), record.steps.last("loss"));
    out += tile("Training loss, first → last", from_to(text), text.change + ", of logged steps");
  } else if (const double mean = record.steps.last("train_loss"); !std::isnan(mean)) {
    out += tile("Training loss", number_text(mean), "mean of all steps");
  }
  return out;
}

std::string metric_tiles(const Record& record) {
  constexpr size_t kMost = 4;
  const std::vector<std::string> names = metric_names(record);
  std::string out;
  for (size_t i = 0; i < std::min(names.size(), kMost); ++i) {
    const std::string key = "eval_" + names[i], name = "Held-out " + escape(names[i]);
    const double to = record.evaluations.last(key);
    const ChangeText text = change_text(record.evaluations.first(key), to);
    out += record.evaluations.rows > 1 ? tile(name + ", first → last", from_to(text), text.change)
                                       : tile(name, number_text(to), "one evaluation");
  }
  return out;
}

std::string tiles(const Record& record) {
  std::string out = reward_tiles(record) + loss_tiles(record) + metric_tiles(record);
  const auto speed = [&](const Table& table, const char* what) {
    out += tile(
        "Speed",
        fmt::format("{} <small>tokens/s</small>", number_text(table.last("tokens_per_second"))),
        what);
  };
  if (record.iterations.has("tokens_per_second"))
    speed(record.iterations, "generated in the last iteration");
  else if (record.steps.has("tokens_per_second")) speed(record.steps, "trained at the end");
  double steps = 0;
  for (const Table* table : {&record.steps, &record.iterations, &record.evaluations})
    if (table->has("global_step")) steps = std::max(steps, table->last("global_step"));
  std::string more;
  if (record.iterations.rows > 0) {
    more = fmt::format("in {} iteration{}", whole_text(static_cast<double>(record.iterations.rows)),
                       record.iterations.rows == 1 ? "" : "s");
  } else if (record.steps.has("epoch")) {
    more = fmt::format("{} epochs", number_text(record.steps.last("epoch")));
  }
  return "<dl class=\"tiles\">\n" + out + tile("Optimizer steps", whole_text(steps), more) +
         "</dl>\n";
}

// Whether training came to its end, which says nothing about the model's quality.
std::string header(const Record& record) {
  const bool kept = std::isnan(record.kept_iteration);
  const bool ended =
      kept && (record.outcome == "completed" || record.outcome.starts_with("stopped"));
  std::string outcome =
      record.outcome.empty() ? "not finished when this page was written" : record.outcome;
  if (!kept)
    outcome +=
        fmt::format(", back to the model of iteration {}", whole_text(record.kept_iteration));
  return page_head(kRunPage, record.name, outcome, ended ? "outcome" : "outcome wait") +
         facts_list(record);
}

struct Column {
  const char* title;
  const Table* table;
  const char* key;
};

// The rows of the number table: iteration -> row in the two tables, -1 where there is none.
std::map<int, std::pair<int, int>> rows_by_iteration(const Record& record) {
  std::map<int, std::pair<int, int>> out;
  const auto place = [&](const Table& table, bool second) {
    const std::vector<double>& iteration = table.column("iteration");
    for (size_t i = 0; i < iteration.size(); ++i) {
      if (!(std::abs(iteration[i]) < 1e9)) continue;
      auto& rows = out.try_emplace(static_cast<int>(iteration[i]), -1, -1).first->second;
      (second ? rows.second : rows.first) = static_cast<int>(i);
    }
  };
  place(record.iterations, false);
  place(record.evaluations, true);
  return out;
}

std::string number_table(const Record& record) {
  if (record.iterations.rows == 0) return "";
  const Table *it = &record.iterations, *eval = &record.evaluations;
  std::vector<Column> columns = {{"held-out reward", eval, "eval_reward"},
                                 {"policy reward", it, "policy_reward"},
                                 {"mean reward", it, "reward_mean"},
                                 {"selected reward", it, "selected_reward"},
                                 {"held-out distinct-2", eval, "eval_distinct_2"},
                                 {"mean length", it, "mean_length"},
                                 {"tokens/s", it, "tokens_per_second"},
                                 {"generate s", it, "generate_seconds"},
                                 {"train s", it, "train_seconds"}};
  std::erase_if(columns, [](const Column& column) { return !column.table->has(column.key); });
  const auto rows = rows_by_iteration(record);
  const size_t stride = (rows.size() + kMostTableRows - 1) / kMostTableRows;
  std::string out =
      "<details><summary>Numbers of every iteration</summary>\n<div class=\"sheet\"><table "
      "class=\"numbers stacked\"><thead><tr><th>iteration</th>";
  if (stride > 1)
    out.replace(out.find("every iteration"), 15, fmt::format("every {}th iteration", stride));
  for (const Column& column : columns) out += fmt::format("<th>{}</th>", column.title);
  out += "</tr></thead><tbody>\n";
  size_t at = 0;
  for (const auto& [iteration, row] : rows) {
    if (at++ % stride != 0 && at != rows.size()) continue;
    out += fmt::format("<tr><td data-when=\"iteration\">{}</td>", iteration);
    for (const Column& column : columns)
      out += fmt::format("<td data-when=\"{}\">{}</td>", column.title,
                         number_text(value_at(*column.table, column.key,
                                              column.table == it ? row.first : row.second)));
    out += "</tr>\n";
  }
  return out + "</tbody></table></div></details>\n";
}

std::string configuration(const Record& record) {
  if (record.config.empty()) return "";
  // An HTML parser drops the first line feed after <pre>.
  return "<details><summary>Configuration: config.resolved.toml</summary>\n<pre>\n" +
         escape(record.config) + "</pre></details>\n";
}

std::string footer(const Record& record) {
  std::string out =
      "<footer>Made from metrics.jsonl, samples/, predictions.jsonl and "
      "config.resolved.toml of the run folder.";
  if (const std::string date = date_text(record.last_time); !date.empty())
    out += " Last row: " + date + ".";
  if (record.unreadable > 0)
    out += fmt::format(" {} line{} of metrics.jsonl could not be read and {} left out.",
                       record.unreadable, record.unreadable == 1 ? "" : "s",
                       record.unreadable == 1 ? "is" : "are");
  return out + "</footer>\n";
}

std::string why_no_chart(const Record& record) {
  const auto steps = record.values.find("train.logging_steps");
  if (record.outcome.empty() || record.steps.has("loss") || steps == record.values.end())
    return "No row with numbers yet.";
  return fmt::format(
      "No loss was logged, for train.logging_steps is {}: set it lower to see a curve.",
      steps->second.is_number() ? plain_text(steps->second.number())
                                : escape(value_text(steps->second)));
}

std::string page(const Record& record) {
  std::string out = header(record) + tiles(record) + samples_section(record);
  out += "<section><h2>Curves</h2>\n";
  const std::string charts = figures(record);
  out += charts.empty() ? fmt::format("<p class=\"note\">{}</p>\n", why_no_chart(record)) : charts;
  out += "</section>\n";
  if (const std::string details = number_table(record) + configuration(record); !details.empty())
    out += "<section><h2>Details</h2>\n" + details + "</section>\n";
  return html_page(kRunPage, record.name, out + footer(record));
}

}  // namespace
}  // namespace report

void write_report(const fs::path& run_dir) {
  write_file_durably(run_dir / "report.html", report::page(report::read_record(run_dir)));
}

}  // namespace slipway
