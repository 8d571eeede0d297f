// The page that compares runs: their curves, what their configurations do not share, final figures.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "base/error.h"
#include "record/report/facts.h"
#include "record/report/figures.h"
#include "record/report/page.h"
#include "record/report/report.h"
#include "record/report/runs.h"
#include "record/report/text.h"

namespace slipway {
namespace report {
namespace {

constexpr size_t kMostValueBytes = 300;  // of one value

std::string table(const std::string& css, const std::vector<std::string>& heads,
                  const std::string& rows) {
  std::string out = fmt::format("<div class=\"sheet\"><table class=\"{}\"><thead><tr>", css);
  for (const std::string& head : heads) out += "<th>" + head + "</th>";
  return out + "</tr></thead><tbody>\n" + rows + "</tbody></table></div>\n";
}

std::string name_of(const Run& run) {
  return fmt::format("<span class=\"swatch c{}{}\">{}</span>", run.colour,
                     run.dashed ? " dashed" : "", escape(run.name));
}

// A column of the final figures; empty texts where no run has a number.
struct FinalColumn {
  std::string title;
  std::vector<std::string> texts;
};

template <class Number>
FinalColumn numbers(const std::string& title, const std::vector<Run>& runs, const Number& number) {
  std::vector<double> values;
  for (const Run& run : runs) values.push_back(number(run.record));
  if (std::ranges::all_of(values, [](double value) { return std::isnan(value); })) return {};
  return {title, telling_texts(values)};
}

FinalColumn outcomes(const std::vector<Run>& runs) {
  FinalColumn out{"outcome", {}};
  for (const Run& run : runs)
    out.texts.push_back(run.record.outcome.empty() ? "not finished" : run.record.outcome);
  return out;
}

double steps_of(const Record& record) {
  double out = kMissing;
  for (const Table* table : {&record.steps, &record.iterations, &record.evaluations})
    out = std::fmax(out, table->last("global_step"));
  return out;
}

std::vector<FinalColumn> final_columns(const std::vector<Run>& runs) {
  const auto held_out = [&](const std::string& title, const std::string& key) {
    return numbers(title, runs, [&key](const Record& record) { return final_value(record, key); });
  };
  std::vector<FinalColumn> out = {outcomes(runs), held_out("held-out reward", "eval_reward")};
  std::vector<std::string> names;
  for (const Run& run : runs)
    for (const std::string& name : reward_names(run.record))
      if (std::ranges::find(names, name) == names.end()) names.push_back(name);
  for (size_t i = 0; names.size() > 1 && i < std::min<size_t>(names.size(), 12); ++i)
    out.push_back(held_out("held-out " + names[i], "eval_rewards/" + names[i] + "/mean"));
  out.push_back(held_out("held-out loss", "eval_loss"));
  for (const std::string& name : shared_metrics(runs))
    out.push_back(held_out("held-out " + name, "eval_" + name));
  out.push_back(numbers("last training loss", runs,
                        [](const Record& record) { return record.steps.last("loss"); }));
  out.push_back(held_out("held-out distinct-2", "eval_distinct_2"));
  FinalColumn steps{"steps", {}}, time{"took", {}};
  for (const Run& run : runs) {
    steps.texts.push_back(whole_text(steps_of(run.record)));
    time.texts.push_back(duration_text(run.record.seconds));
  }
  out.push_back(std::move(steps));
  out.push_back(std::move(time));
  std::erase_if(out, [](const FinalColumn& column) { return column.texts.empty(); });
  return out;
}

std::string final_figures(const std::vector<Run>& runs) {
  const std::vector<FinalColumn> columns = final_columns(runs);
  std::vector<std::string> heads = {"run"};
  for (const FinalColumn& column : columns) heads.push_back(escape(column.title));
  std::string rows;
  for (size_t i = 0; i < runs.size(); ++i) {
    rows += fmt::format("<tr><td class=\"row\">{}</td>", name_of(runs[i]));
    for (const FinalColumn& column : columns)
      rows += fmt::format("<td data-when=\"{}\">{}</td>", escape(column.title),
                          escape(column.texts[i]));
    rows += "</tr>\n";
  }
  return "<section><h2>Final figures</h2>\n" + table("figures stacked", heads, rows) +
         "</section>\n";
}

// What config.resolved.toml says: keys with their values, programs with their versions.
std::map<std::string, std::string> settings_of(const Record& record) {
  std::map<std::string, std::string> out;
  for (const auto& [key, value] : record.values)
    if (key != "run.output_dir") out[key] = shortened(value_text(value), kMostValueBytes);
  if (const std::string machine = recorded_machine(record.config); !machine.empty())
    out["machine"] = clean_text(machine);
  for (const auto& [program, version] : recorded_programs(record.config)) {
    const size_t hash = version.find(" sha256 ");
    out[program] = clean_text(hash == std::string::npos ? version : version.substr(0, hash + 16));
  }
  return out;
}

// A key that a narrow column breaks where its parts end.
std::string breakable(const std::string& key) {
  std::string out;
  for (const char c : escape(key)) {
    out += c;
    if (c == '.' || c == '_' || c == ']' || c == ' ') out += "<wbr/>";
  }
  return out;
}

// The rows of the keys that are not the same in all of them.
std::vector<std::string> different_rows(const std::vector<Run>& runs) {
  std::vector<std::map<std::string, std::string>> settings;
  std::map<std::string, size_t> keys;
  for (const Run& run : runs) {
    settings.push_back(settings_of(run.record));
    for (const auto& [key, value] : settings.back()) ++keys[key];
  }
  std::vector<std::string> out;
  for (const auto& [key, count] : keys) {
    const auto first = settings[0].find(key);
    const bool same = count == runs.size() && std::ranges::all_of(settings, [&](const auto& each) {
                        return each.at(key) == first->second;
                      });
    if (same) continue;
    std::string row = fmt::format("<tr><td class=\"row\">{}</td>", breakable(clean_text(key)));
    for (size_t i = 0; i < runs.size(); ++i) {
      const auto at = settings[i].find(key);
      const bool is_set = at != settings[i].end();
      row += fmt::format("<td data-when=\"{}\"{}>{}</td>", escape(runs[i].name),
                         is_set ? "" : " class=\"empty\"", is_set ? escape(at->second) : "not set");
    }
    out.push_back(row + "</tr>\n");
  }
  return out;
}

std::string differences(const std::vector<Run>& runs) {
  constexpr size_t kMostAtOnce = 12;  // more are behind a line to open: the curves are below
  const std::vector<std::string> rows = different_rows(runs);
  std::string body, unread;
  for (const std::string& row : rows) body += row;
  for (const Run& run : runs)
    if (run.record.values.empty()) unread += (unread.empty() ? "" : ", ") + run.name;
  std::string note = rows.empty()
                         ? "The configurations are the same, but for run.output_dir."
                         : "Keys and versions of config.resolved.toml that are not the same in all "
                           "of them; run.output_dir is left out.";
  if (!unread.empty()) note += " Without a configuration that can be read: " + unread + ".";
  std::vector<std::string> heads = {"key"};
  for (const Run& run : runs) heads.push_back(name_of(run));
  std::string sheet = rows.empty() ? "" : table("differences stacked", heads, body);
  if (rows.size() > kMostAtOnce)
    sheet = fmt::format("<details><summary>{} keys</summary>\n{}</details>\n", rows.size(), sheet);
  return fmt::format("<section><h2>What differs</h2>\n<p class=\"note\">{}</p>\n", escape(note)) +
         sheet + "</section>\n";
}

std::string footer(const std::vector<Run>& runs) {
  std::string out = "<footer>Made from metrics.jsonl and config.resolved.toml of the run folders.";
  for (const Run& run : runs)
    if (run.record.unreadable > 0)
      out += fmt::format(" {}: {} line{} of metrics.jsonl could not be read.", escape(run.name),
                         run.record.unreadable, run.record.unreadable == 1 ? "" : "s");
  return out + "</footer>\n";
}

// "a, b and 6 more".
std::string title_of(const std::vector<Run>& runs) {
  constexpr size_t kMostTitle = 70;
  std::string out = runs[0].name;
  for (size_t i = 1; i < runs.size(); ++i) {
    if (out.size() + runs[i].name.size() > kMostTitle)
      return out + fmt::format(" and {} more", runs.size() - i);
    out += ", " + runs[i].name;
  }
  return out;
}

std::string page(const std::vector<Run>& runs) {
  const std::string title = title_of(runs);
  const std::string charts = shared_figures(runs);
  return html_page(
      kComparisonPage, title,
      page_head(kComparisonPage, title, fmt::format("{} runs", runs.size())) + final_figures(runs) +
          differences(runs) + "<section><h2>Curves</h2>\n" + legend(runs) +
          (charts.empty() ? "<p class=\"note\">No row with numbers yet.</p>\n" : charts) +
          "</section>\n" + footer(runs));
}

}  // namespace
}  // namespace report

void write_comparison(const std::vector<fs::path>& run_dirs, const fs::path& html) {
  if (run_dirs.size() < 2) fail("a comparison needs two runs or more");
  report::place_page(html, report::kComparisonPage, report::page(report::read_runs(run_dirs)));
}

}  // namespace slipway
