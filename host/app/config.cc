// slipway config: check a run file, explain its keys, print their schema.
#include <unistd.h>

#include "app/command_line.h"
#include "app/commands.h"
#include "app/standard_output.h"
#include "base/json_text.h"
#include "base/log.h"
#include "base/text_width.h"
#include "config/json_schema.h"
#include "config/run_config.h"
#include "config/schema.h"
#include "config/schema_help.h"
#include "slipway/slipway.hpp"

namespace slipway {
namespace {

int check(const Arguments& arguments) {
  CommandLine line("slipway config check FILE [--set KEY=VALUE]",
                   "Names every fault of a run file at once: its keys, files that are missing, its "
                   "plugins and their options, [search], and the first malformed row of each file "
                   "of data (of data.streaming, in its first thousand rows). Builds nothing.");
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

int help(const Arguments& arguments) {
  CommandLine line("slipway config help [KEY ...]",
                   "Explains every key of a run file, or those that are named.");
  line.rest("KEY", "a key, section or block: train.optim, optim, reward, [search]");
  if (!line.parse(arguments)) return kExitOk;
  const size_t columns = columns_of(STDOUT_FILENO);
  const std::vector<std::string> keys = line.texts("KEY");
  if (keys.empty()) print(schema_help(columns));
  for (size_t i = 0; i < keys.size(); ++i) {
    try {
      print((i > 0 ? "\n" : "") + schema_help_on(keys[i], columns));
    } catch (const Error& e) {
      throw UsageError(e.what());
    }
  }
  return kExitOk;
}

int schema(const Arguments& arguments) {
  CommandLine line("slipway config schema",
                   "Prints a JSON Schema (draft 2020-12) of run files, for editors that complete "
                   "and check TOML by one: slipway config schema > run.schema.json, and "
                   "\"#:schema ./run.schema.json\" as the first line of a run file.");
  if (!line.parse(arguments)) return kExitOk;
  print(json_text(run_file_json_schema(), 2) + "\n");
  return kExitOk;
}

}  // namespace

int config_command(const Arguments& arguments) {
  const std::string usage =
      "usage: slipway config check FILE | slipway config help [KEY ...] | slipway config schema";
  const std::string verb = arguments.empty() ? "" : arguments[0];
  const Arguments rest(arguments.begin() + (arguments.empty() ? 0 : 1), arguments.end());
  if (verb == "check") return check(rest);
  if (verb == "help") return help(rest);
  if (verb == "schema") return schema(rest);
  if (verb != "--help" && verb != "-h") throw UsageError(usage);
  print(usage +
        "\n\n  check FILE   name every fault of a run file, and the first malformed row of each "
        "of its data files\n"
        "  help [KEY]   explain every key of a run file, or one: train.optim, optim, reward, "
        "[search]\n"
        "  schema       a JSON Schema of run files, for editors\n");
  return kExitOk;
}

}  // namespace slipway
