// Searches: trials one after another, each a process of its own where nothing else is asked for: one that runs out of memory or
// crashes fails alone.
#include "slipway/study.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <csignal>
#include <cstring>

#include "api/check_search.h"
#include "api/interrupt.h"
#include "api/load_model.h"
#include "base/program_folder.h"
#include "base/log.h"
#include "base/place.h"
#include "config/run_config.h"
#include "config/schema.h"
#include "config/toml.h"
#include "loop/run.h"
#include "search/study.h"

namespace slipway {
namespace {

// Runs the program with `arguments`; its exit code, or minus the signal that ended it.
int run_program(const std::vector<std::string>& arguments) {
  const std::string program = (program_folder() / "slipway-run").string();
  if (!fs::exists(program)) fail("{}: no such program, and every trial needs it; give run_trial, or build the target slipway", program);
  std::vector<char*> argv;
  std::string name = "slipway";
  argv.push_back(name.data());
  std::vector<std::string> copies = arguments;
  for (std::string& each : copies) argv.push_back(each.data());
  argv.push_back(nullptr);
  const pid_t child = fork();
  if (child < 0) fail("cannot start a trial: {}", std::strerror(errno));
  if (child == 0) {
    execv(program.c_str(), argv.data());
    _exit(127);
  }
  int status = 0;
  bool told = false;
  while (waitpid(child, &status, 0) < 0)
    if (errno != EINTR) fail("a trial was lost: {}", std::strerror(errno));
    else if (stop_requested() && !told) told = kill(child, SIGTERM) == 0;
  return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

// The last value of `metric` that the run logged.
std::optional<double> last_metric(const fs::path& metrics, const std::string& metric) {
  std::optional<double> out;
  if (!fs::exists(metrics)) return out;
  const std::string text = read_file(metrics);
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    const Json row = Json::parse(text.substr(at, end - at), nullptr, false);
    if (row.is_object() && row.contains(metric) && row[metric].is_number()) out = row[metric].get<double>();
    at = end + 1;
  }
  return out;
}

// What the trial's state says of it.
std::string facts_of(const SearchTrial& trial) {
  Json params = Json::object();
  for (const auto& [key, value] : trial.values) params[key] = json_of(parse_toml_value(value, key));
  return Json{{"name", trial.folder.filename().string()}, {"params", params}}.dump(-1, ' ', /*ensure_ascii=*/true);
}

// `slipway train` with the trial's values.
std::optional<double> run_as_process(const RunFile& run, const std::string& metric, const SearchTrial& trial) {
  std::vector<std::string> arguments = {"train", run.file().string(), "--resume", "--quiet"};
  const auto set = [&](const std::string& assignment) { arguments.insert(arguments.end(), {"--set", assignment}); };
  for (const std::string& each : run.overrides()) set(each);
  for (const auto& [key, value] : trial.values) set(key + "=" + value);
  set("run.output_dir=" + trial.folder.string());
  arguments.push_back("--trial=" + facts_of(trial));
  const int code = run_program(arguments);
  if (code == kExitInterrupted || stop_requested()) throw Interrupted("stopped by a signal; the same command goes on with this trial");
  if (code == kExitUsage) fail("trial {}: the run file does not work with these values (see above)", trial.number);
  if (code != kExitOk) {
    log_warn("trial {} failed ({} {})", trial.number, code < 0 ? "signal" : "exit code", std::abs(code));
    return std::nullopt;
  }
  const std::optional<double> objective = last_metric(trial.folder / "metrics.jsonl", metric);
  if (!objective) fail("trial {} logged no \"{}\" (search.metric); see {}", trial.number, metric, (trial.folder / "metrics.jsonl").string());
  return objective;
}

SearchTrial told(const Trial& trial, const StudySettings& settings, const fs::path& output_dir) {
  SearchTrial out{trial.number, output_dir / fmt::format("trial-{:04}", trial.number), {}, {}};
  for (size_t i = 0; i < trial.values.size(); ++i) out.values.emplace_back(settings.domains[i].name, trial.values[i].toml());
  if (trial.state == SLW_TRIAL_COMPLETE) out.objective = trial.objective;
  return out;
}

}  // namespace

SearchResult search(const RunFile& run, const SearchOptions& options) {
  const RunConfig& config = run.config();
  const StudySettings settings = study_settings(run.source(), run.file());
  if (!options.run_trial && run.file().empty()) fail("search: trials are processes that read the run file; load it from a file, or give run_trial");
  const Registry registry(plugin_folders(config.plugin_path));
  const Registry::Found& found = registry.find(settings.use, SLW_KIND_SEARCH, settings.where);
  RunFacts facts;
  facts.output_dir = fs::absolute(config.output_dir).lexically_normal().string();
  facts.run_id = fs::path(facts.output_dir).filename().string();
  SearchPlugin plugin(Plugin(*found.library, *found.descriptor, check_options(found.descriptor->options, &settings.options, found.descriptor->id, settings.where), facts));
  plugin.begin(settings.domains, settings.maximize, settings.seed, facts.run_id);
  create_folder(config.output_dir);
  if (options.stop_on_signals) stop_on_signals();
  const auto run_trial = [&](const Trial& asked) {
    const SearchTrial trial = told(asked, settings, config.output_dir);
    std::string shown;
    for (const auto& [key, value] : trial.values) shown += fmt::format(" {}={}", key, value);
    log_info("trial {}:{}", trial.number, shown);
    const std::optional<double> objective = options.run_trial ? options.run_trial(trial) : run_as_process(run, settings.metric, trial);
    if (objective) log_info("trial {}: {} = {:.6g}", trial.number, settings.metric, *objective);
    return objective;
  };
  SearchResult out;
  out.metric = settings.metric;
  for (const Trial& trial : run_study(plugin, settings, config.output_dir / "trials.jsonl", run_trial)) out.trials.push_back(told(trial, settings, config.output_dir));
  out.best = plugin.best();
  return out;
}

SearchResult search(const fs::path& file, const Overrides& overrides, const SearchOptions& options) {
  study_settings(as_config_error([&] { return read_file(file); }), file);
  return search(RunFile::load(file, overrides), options);
}

}  // namespace slipway
