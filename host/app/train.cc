// slipway train: a run file becomes a run.
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "app/command_line.h"
#include "app/commands.h"
#include "app/profile.h"
#include "app/run_overrides.h"
#include "app/standard_output.h"
#include "base/files.h"
#include "base/log.h"
#include "base/place.h"
#include "base/text_width.h"
#include "config/schema.h"
#include "config/schema_help.h"
#include "launch/rank_environment.h"
#include "slipway/slipway.hpp"

namespace slipway {
namespace {

// What --trial says: the facts, or @FILE with them and, each after a NUL byte, what else is to be
// set.
struct TrialFacts {
  std::string json;
  std::vector<std::string> overrides;
};

TrialFacts trial_facts(const std::string& given) {
  if (!given.starts_with('@')) return {given, {}};
  TrialFacts out;
  const std::string text = read_file(given.substr(1));
  const size_t end = std::min(text.find('\0'), text.size());
  out.json = text.substr(0, end);
  for (size_t at = end; at < text.size();) {
    const size_t next = std::min(text.find('\0', at + 1), text.size());
    out.overrides.push_back(text.substr(at + 1, next - at - 1));
    at = next;
  }
  return out;
}

// Throws what was found, and whatever else `slipway config check` finds.
[[noreturn]] void refuse(const ConfigError& found, const std::string& file,
                         const Overrides& overrides) {
  std::vector<std::string> all = RunFile::faults(file, overrides);
  for (const std::string& each : found.faults)
    if (std::ranges::find(all, each) == all.end()) all.push_back(each);
  throw ConfigError(std::move(all));
}

// What --resume says; but who is started again after a failure resumes what its run had saved,
// however that run was told to begin.
std::string resume_of(const CommandLine& line) {
  const char *restarts = std::getenv("TORCHELASTIC_RESTART_COUNT"),
             *begun = std::getenv(kBegunFile);
  if (restarts == nullptr || std::string_view(restarts) == "0") return line.text("resume");
  if (begun != nullptr) return path_exists(begun) ? "true" : line.text("resume");
  if (!line.has("resume"))
    log_warn(
        "started again (TORCHELASTIC_RESTART_COUNT = {}), and beginning from the start: with "
        "--resume it would go on from what was saved",
        restarts);
  return line.text("resume");
}

// For the next life, if there is one.
void note_that_it_has_begun() {
  const char *begun = std::getenv(kBegunFile), *rank = std::getenv("RANK");
  if (begun != nullptr && rank != nullptr && std::string_view(rank) == "0")
    write_file_durably(begun, "");
}

int train(const CommandLine& line, const Overrides& overrides, const std::string& trial) {
  RunFile run = RunFile::load(line.text("FILE"), overrides);
  for (const std::string& notice : run.notices()) log_info("{}", notice);
  if (line.has("print-config")) {
    print(run.text());
    return kExitOk;
  }
  const fs::path trace = trace_path(line, run.output_dir() / "trace.json");
  Trainer(std::move(run))
      .train({.resume = resume_of(line),
              .profile = trace,
              .stop_on_signals = true,
              .trial = trial,
              .console = !line.has("quiet"),
              .on_begun = note_that_it_has_begun});
  return kExitOk;
}

}  // namespace

int train_command(const Arguments& arguments) {
  CommandLine line("slipway train FILE [options]",
                   "Trains a model as the run file says. Everything is checked before anything is "
                   "built: a wrong key is named with its line and the nearest known one.\n"
                   "Relative paths in the run file (data.train, data.eval, model.weights ...) are "
                   "looked for beside it, then in the working folder; those of --set the other "
                   "way round. What is written goes into run.output_dir, which leads from the "
                   "working folder.");
  line.positional("FILE", "the run file (TOML); `slipway config help` explains every key", false)
      .repeated("set", "KEY=VALUE",
                "override a key: --set train.learning_rate=2e-5 (may be repeated)")
      .option("resume", "CHECKPOINT",
              "resume from the newest checkpoint, or from the one that is named", "", "true")
      .option("profile", "TRACE.json",
              "write what happened when, for ui.perfetto.dev; without a name: trace.json in the "
              "run folder",
              "", "true")
      .option("trial", "JSON",
              "for `slipway search`, which tells the trial which one it is: {\"name\": "
              "..., \"params\": {...}}, or @FILE",
              "")
      .flag("print-config",
            "print the resolved configuration with the origin of each value, and stop")
      .flag("help-config", "explain every key of a run file, and stop")
      .flag("quiet", "say only what goes wrong");
  if (!line.parse(arguments)) return kExitOk;
  if (line.has("help-config")) {
    print(schema_help(columns_of(STDOUT_FILENO)));
    return kExitOk;
  }
  line.require("FILE");
  trace_path(line, {});  // refused before the run file is read
  if (line.has("quiet")) set_quiet(true);
  const TrialFacts trial = trial_facts(line.text("trial"));
  Overrides overrides = run_overrides(line);
  overrides.insert(overrides.end(), trial.overrides.begin(), trial.overrides.end());
  try {
    return train(line, overrides, trial.json);
  } catch (const ConfigError& e) {
    refuse(e, line.text("FILE"), overrides);
  }
}

}  // namespace slipway
