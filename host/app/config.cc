// slipway config: check a run file, explain its keys.
#include "app/command_line.h"
#include "app/commands.h"
#include "app/standard_output.h"
#include "base/log.h"
#include "config/run_config.h"
#include "config/schema.h"
#include "slipway/slipway.hpp"

namespace slipway {
namespace {

int check(const Arguments& arguments) {
  CommandLine line("slipway config check FILE [--set KEY=VALUE]", "Checks a run file, its plugins and their options; builds nothing.");
  line.positional("FILE", "the run file").repeated("set", "KEY=VALUE", "override a key first");
  if (!line.parse(arguments)) return kExitOk;
  std::vector<std::string> faults = RunFile::faults(line.text("FILE"), line.texts("set"));
  if (!faults.empty()) throw ConfigError(std::move(faults));
  const RunFile run = RunFile::load(line.text("FILE"), line.texts("set"));
  for (const std::string& notice : run.notices()) log_info("{}", notice);
  const RunConfig& config = run.config();
  std::string uses;
  const auto count = [&](size_t n, const char* kind) {
    if (n > 0) uses += fmt::format(", {} {} plugin{}", n, kind, n == 1 ? "" : "s");
  };
  count(config.rewards.size(), "reward");
  count(config.metrics.size(), "metric");
  count(config.callbacks.size(), "callback");
  count(config.loggers.size(), "logger");
  print(fmt::format("{}: good ({}{})\n", line.text("FILE"), config.raft ? "raft" : "sft", uses));
  return kExitOk;
}

}  // namespace

int config_command(const Arguments& arguments) {
  const std::string usage = "usage: slipway config check FILE | slipway config help";
  if (!arguments.empty() && arguments[0] == "check") return check({arguments.begin() + 1, arguments.end()});
  if (!arguments.empty() && arguments[0] == "help") {
    print(schema_help());
    return kExitOk;
  }
  if (!arguments.empty() && (arguments[0] == "--help" || arguments[0] == "-h")) {
    print(usage + "\n\n  check FILE   name every fault of a run file\n  help         explain every key\n");
    return kExitOk;
  }
  throw UsageError(usage);
}

}  // namespace slipway
