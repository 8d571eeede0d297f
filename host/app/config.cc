// slipway config: check a run file, explain its keys.
#include <cstdio>

#include "app/command_line.h"
#include "app/commands.h"
#include "base/log.h"
#include "config/run_config.h"
#include "slipway/slipway.hpp"

namespace slipway {
namespace {

int check(const Arguments& arguments) {
  CommandLine line("slipway config check FILE [--set KEY=VALUE]", "Checks a run file, its plugins and their options; builds nothing.");
  line.positional("FILE", "the run file").repeated("set", "KEY=VALUE", "override a key first");
  if (!line.parse(arguments)) return kExitOk;
  const RunFile run = RunFile::load(line.text("FILE"), line.texts("set"));
  for (const std::string& notice : run.notices()) log_info("{}", notice);
  run.check();
  const RunConfig& config = run.config();
  std::printf("%s: good (%s, %zu reward, %zu metric, %zu callback, %zu logger plugins)\n", line.text("FILE").c_str(), config.raft ? "raft" : "sft",
              config.rewards.size(), config.metrics.size(), config.callbacks.size(), config.loggers.size());
  return kExitOk;
}

}  // namespace

int config_command(const Arguments& arguments) {
  const std::string usage = "usage: slipway config check FILE | slipway config help";
  if (!arguments.empty() && arguments[0] == "check") return check({arguments.begin() + 1, arguments.end()});
  if (!arguments.empty() && arguments[0] == "help") {
    std::fputs(schema_help().c_str(), stdout);
    return kExitOk;
  }
  if (!arguments.empty() && (arguments[0] == "--help" || arguments[0] == "-h")) {
    std::printf("%s\n\n  check FILE   name every fault of a run file\n  help         explain every key\n", usage.c_str());
    return kExitOk;
  }
  throw UsageError(usage);
}

}  // namespace slipway
