// slipway report: writes a run's page anew, and the picture of it that a README carries.
#include "app/command_line.h"
#include "app/commands.h"
#include "base/files.h"
#include "base/log.h"
#include "slipway/slipway.hpp"

namespace slipway {

int report_command(const Arguments& arguments) {
  CommandLine line(
      "slipway report RUN [options]",
      "Writes RUN/report.html anew from metrics.jsonl and samples/: curves, answers before and "
      "after, configuration.\n"
      "Training does so by itself; this is for folders that were copied, and for pictures.");
  line.positional("RUN", "a run folder")
      .option("picture", "FILE.svg", "write one picture of the run too: curves and three answers");
  if (!line.parse(arguments)) return kExitOk;
  const fs::path run = line.text("RUN");
  std::error_code ec;
  if (!fs::is_directory(run, ec))
    throw UsageError(fmt::format("{}: {}", run.string(), ec ? ec.message() : "no such folder"));
  write_report(run);
  log_info("{}", (run / "report.html").string());
  if (line.has("picture")) {
    write_picture(run, line.text("picture"));
    log_info("{}", line.text("picture"));
  }
  return kExitOk;
}

}  // namespace slipway
