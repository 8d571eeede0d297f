// slipway search: trials of one run file.
#include "app/command_line.h"
#include "app/commands.h"
#include "app/standard_output.h"
#include "base/json_text.h"
#include "slipway/slipway.hpp"

namespace slipway {

int search_command(const Arguments& arguments) {
  CommandLine line("slipway search FILE [options]",
                   "Runs the run file again and again with values that a search plugin proposes. FILE is a run file with:\n\n"
                   "  [search]\n  use = \"random\"\n  metric = \"eval_reward\"\n  direction = \"maximize\"\n  trials = 10\n\n"
                   "  [search.space]\n  \"train.learning_rate\" = { low = 1e-5, high = 1e-3, log = true }\n  \"raft.samples_per_prompt\" = [4, 8, 16]\n\n"
                   "Trials lie in run.output_dir/trial-NNNN. Stopped or killed, the same command goes on where it was.");
  line.positional("FILE", "run file with [search]").repeated("set", "KEY=VALUE", "override a key in every trial").flag("json", "print the trials as JSON");
  if (!line.parse(arguments)) return kExitOk;
  const SearchResult result = search(line.text("FILE"), line.texts("set"), {.stop_on_signals = true, .run_trial = {}});
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
  for (const Json& row : json) print(json_text(row) + "\n");
  for (const int64_t number : result.best) print(fmt::format("best: trial {}, in {}\n", number, result.trials.at(static_cast<size_t>(number)).folder.string()));
  return kExitOk;
}

}  // namespace slipway
