// slipway config: check a run file, explain its keys.
#include <unistd.h>

#include "app/command_line.h"
#include "app/commands.h"
#include "app/standard_output.h"
#include "base/log.h"
#include "base/text_width.h"
#include "config/run_config.h"
#include "config/schema.h"
#include "config/schema_help.h"
#include "slipway/slipway.hpp"

namespace slipway {
namespace {

int check(const Arguments& arguments) {
  CommandLine line("slipway config check FILE [--set KEY=VALUE]",
                   "Checks a run file, its plugins and their options; builds nothing.");
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
  const std::string usage = "usage: slipway config check FILE | slipway config help [KEY ...]";
  if (!arguments.empty() && arguments[0] == "check")
    return check({arguments.begin() + 1, arguments.end()});
  if (!arguments.empty() && arguments[0] == "help") {
    const size_t columns = columns_of(STDOUT_FILENO);
    if (arguments.size() == 1) print(schema_help(columns));
    for (size_t i = 1; i < arguments.size(); ++i) {
      try {
        print((i > 1 ? "\n" : "") + schema_help_on(arguments[i], columns));
      } catch (const Error& e) {
        throw UsageError(e.what());
      }
    }
    return kExitOk;
  }
  if (!arguments.empty() && (arguments[0] == "--help" || arguments[0] == "-h")) {
    print(usage +
          "\n\n  check FILE   name every fault of a run file\n  help [KEY]   explain every key of "
          "a run file, or one: train.optim, optim, reward, [search]\n");
    return kExitOk;
  }
  throw UsageError(usage);
}

}  // namespace slipway
