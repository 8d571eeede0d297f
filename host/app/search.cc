// slipway search: trials of one run file.
#include <algorithm>
#include <charconv>
#include <cmath>

#include "app/command_line.h"
#include "app/commands.h"
#include "app/standard_output.h"
#include "base/json_text.h"
#include "slipway/slipway.hpp"

namespace slipway {

namespace {

// A number as a person reads it; anything else as it is written.
std::string brief(const std::string& toml) {
  double number = 0;
  const auto [end, ec] = std::from_chars(toml.data(), toml.data() + toml.size(), number);
  const bool real = ec == std::errc() && end == toml.data() + toml.size() &&
                    toml.find_first_of(".e") != std::string::npos;
  return real ? fmt::format("{:.6g}", number) : toml;
}

// The trials, the best first, those that failed last.
std::string table_of(const SearchResult& result) {
  std::vector<SearchTrial> trials = result.trials;
  std::ranges::stable_sort(trials, [&](const SearchTrial& a, const SearchTrial& b) {
    if (!a.objective || !b.objective) return a.objective.has_value() && !b.objective.has_value();
    return result.maximize ? *a.objective > *b.objective : *a.objective < *b.objective;
  });
  std::vector<std::vector<std::string>> rows(1);
  rows[0] = {"trial", result.metric};
  for (const auto& [key, value] :
       trials.empty() ? decltype(SearchTrial::values)() : trials[0].values)
    rows[0].push_back(key);
  for (const SearchTrial& trial : trials) {
    rows.push_back({std::to_string(trial.number),
                    trial.objective ? fmt::format("{:.6g}", *trial.objective) : "failed"});
    for (const auto& [key, value] : trial.values) rows.back().push_back(brief(value));
  }
  std::string out;
  for (const auto& row : rows) {
    for (size_t column = 0; column < row.size(); ++column) {
      size_t width = 0;
      for (const auto& other : rows) width = std::max(width, other[column].size());
      out += fmt::format("{}{:>{}}", column == 0 ? "" : "  ", row[column], width);
    }
    out += "\n";
  }
  return out;
}

}  // namespace

int search_command(const Arguments& arguments) {
  CommandLine line("slipway search FILE [options]",
                   "Runs the run file again and again with values that a search plugin proposes. "
                   "FILE is a run file with:\n\n"
                   "  [search]\n  use = \"random\"\n  metric = \"eval_reward\"\n  direction = "
                   "\"maximize\"\n  trials = 10\n\n"
                   "  [search.space]\n  \"train.learning_rate\" = { low = 1e-5, high = 1e-3, log = "
                   "true }\n  \"raft.samples_per_prompt\" = [4, 8, 16]\n\n"
                   "Trials lie in run.output_dir/trial-NNNN. Stopped or killed, the same command "
                   "resumes the search.");
  line.positional("FILE", "run file with [search]")
      .repeated("set", "KEY=VALUE",
                "override a key in every trial, or one of the search: --set search.trials=20")
      .flag("json", "print the trials as JSON");
  if (!line.parse(arguments)) return kExitOk;
  const SearchResult result =
      search(line.text("FILE"), line.texts("set"), {.stop_on_signals = true, .run_trial = {}});
  Json json = Json::array();
  for (const SearchTrial& trial : result.trials) {
    Json row = {{"trial", trial.number}, {"state", trial.objective ? "complete" : "failed"}};
    for (const auto& [key, value] : trial.values) row[key] = value;
    if (trial.objective) row[result.metric] = *trial.objective;
    json.push_back(row);
  }
  if (line.has("json")) {
    print(json_text({{"trials", json}, {"best", result.best}}, 2) + "\n");
    return kExitOk;
  }
  print(table_of(result));
  for (const int64_t number : result.best) {
    const SearchTrial& trial = result.trials.at(static_cast<size_t>(number));
    print(fmt::format("best: trial {}, {} = {:.6g}, in {}\n", number, result.metric,
                      trial.objective.value_or(std::nan("")), trial.folder.string()));
  }
  return kExitOk;
}

}  // namespace slipway
