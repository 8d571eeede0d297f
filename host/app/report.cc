// slipway report: writes a run's page anew, and the picture of it that a README carries; a page
// that compares runs; the page of a search.
#include "app/command_line.h"
#include "app/commands.h"
#include "base/files.h"
#include "base/log.h"
#include "slipway/slipway.hpp"

namespace slipway {
namespace {

constexpr const char* kAbout =
    "slipway report RUN writes RUN/report.html anew from metrics.jsonl, samples/, "
    "predictions.jsonl "
    "and config.resolved.toml: what ran, answers before and after, curves, configuration. Training "
    "does so by itself; this is for folders that were copied, after slipway predict, and for "
    "pictures.\n\n"
    "slipway report RUN RUN ... compares two to eight runs on one page: their curves over each "
    "other, the keys in which their configurations differ, final figures.\n\n"
    "slipway report SEARCH shows a search (a folder with trials.jsonl): its trials, the best "
    "first, "
    "their value against each searched key, and the curves of the best.";

bool is_search(const fs::path& folder) {
  std::error_code ec;
  return fs::exists(folder / "trials.jsonl", ec) && !fs::exists(folder / "metrics.jsonl", ec);
}

// A mistake that a command line of several folders, or of none, can have.
void check(const std::vector<fs::path>& folders, const CommandLine& line) {
  for (const fs::path& folder : folders) {
    std::error_code ec;
    if (!fs::is_directory(folder, ec))
      throw UsageError(
          fmt::format("{}: {}", folder.string(), ec ? ec.message() : "no such folder"));
    if (folders.size() > 1 && is_search(folder))
      throw UsageError(
          fmt::format("{}: is the folder of a search; name it alone, or name folders of its trials",
                      folder.string()));
  }
  const bool one_run = folders.size() == 1 && !is_search(folders[0]);
  if (line.has("picture") && !one_run) throw UsageError("--picture is of one run");
  if (line.has("output") && one_run)
    throw UsageError(
        "--output is for several runs or a search; the page of one run is its report.html");
}

void report_run(const fs::path& run, const CommandLine& line) {
  write_report(run);
  log_info("{}", (run / "report.html").string());
  if (!line.has("picture")) return;
  write_picture(run, line.text("picture"));
  log_info("{}", line.text("picture"));
}

}  // namespace

int report_command(const Arguments& arguments) {
  CommandLine line("slipway report RUN... [options]", kAbout);
  line.rest("RUN", "a run folder, several of them, or the folder of a search", true)
      .option("output", "FILE.html",
              "where the page of several runs goes (default comparison.html), or that of a search "
              "(default SEARCH/report.html); a file that is not such a page is not replaced")
      .option("picture", "FILE.svg", "write one picture of the run too: curves and three answers");
  if (!line.parse(arguments)) return kExitOk;
  const std::vector<std::string> names = line.texts("RUN");
  const std::vector<fs::path> folders(names.begin(), names.end());
  check(folders, line);
  if (folders.size() == 1 && !is_search(folders[0])) {
    report_run(folders[0], line);
    return kExitOk;
  }
  const bool search = folders.size() == 1;
  const fs::path html = line.has("output") ? fs::path(line.text("output"))
                        : search           ? folders[0] / "report.html"
                                           : fs::path("comparison.html");
  if (search) write_search_report(folders[0], html);
  else write_comparison(folders, html);
  log_info("{}", html.string());
  return kExitOk;
}

}  // namespace slipway
