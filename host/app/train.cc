// slipway train: a run file becomes a run.
#include "app/command_line.h"
#include "app/commands.h"
#include "app/profile.h"
#include "app/standard_output.h"
#include "base/log.h"
#include "slipway/slipway.hpp"

namespace slipway {

int train_command(const Arguments& arguments) {
  CommandLine line("slipway train FILE [options]",
                   "Trains a model as the run file says. Everything is checked before anything is built: a wrong key is\n"
                   "named with its line and the nearest known one.");
  line.positional("FILE", "the run file (TOML); `slipway config help` explains every key", false)
      .repeated("set", "KEY=VALUE", "override a key: --set train.learning_rate=2e-5 (may be repeated)")
      .option("resume", "CHECKPOINT", "go on from the newest checkpoint, or from the one that is named", "", "true")
      .option("profile", "TRACE.json", "write what happened when, for ui.perfetto.dev; without a name: trace.json in the run folder", "", "true")
      .option("trial", "JSON", "what `slipway search` says of the trial that it runs, for the state: {\"name\": ..., \"params\": {...}}", "")
      .flag("print-config", "print the resolved configuration with the origin of each value, and stop")
      .flag("help-config", "explain every key of a run file, and stop")
      .flag("quiet", "say only what goes wrong");
  if (!line.parse(arguments)) return kExitOk;
  if (line.has("help-config")) {
    print(schema_help());
    return kExitOk;
  }
  line.require("FILE");
  trace_path(line, {});  // refused before the run file is read
  if (line.has("quiet")) set_quiet(true);
  RunFile run = RunFile::load(line.text("FILE"), line.texts("set"));
  for (const std::string& notice : run.notices()) log_info("{}", notice);
  if (line.has("print-config")) {
    print(run.text());
    return kExitOk;
  }
  const fs::path trace = trace_path(line, run.output_dir() / "trace.json");
  Trainer(std::move(run)).train({.resume = line.text("resume"), .profile = trace, .stop_on_signals = true, .trial = line.text("trial")});
  return kExitOk;
}

}  // namespace slipway
