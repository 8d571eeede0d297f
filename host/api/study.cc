// Searches: trials one after another, each a process of its own where nothing else is asked for:
// one that runs out of memory or crashes fails alone.
#include "slipway/study.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "api/check_search.h"
#include "api/interrupt.h"
#include "api/load_model.h"
#include "api/trial_process.h"
#include "base/log.h"
#include "base/place.h"
#include "config/run_config.h"
#include "config/schema.h"
#include "config/toml.h"
#include "loop/run.h"
#include "record/run_folder.h"
#include "search/study.h"

namespace slipway {
namespace {

// The last value of `metric` that the run logged; not a number where the row says null.
std::optional<double> last_metric(const fs::path& metrics, const std::string& metric) {
  std::optional<double> out;
  if (!fs::exists(metrics)) return out;
  const std::string text = read_file(metrics);
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    const Json row = Json::parse(text.substr(at, end - at), nullptr, false);
    if (row.is_object() && row.contains(metric))
      out = row[metric].is_number() ? row[metric].get<double>() : std::nan("");
    at = end + 1;
  }
  return out;
}

// What the trial's state says of it.
std::string facts_of(const SearchTrial& trial) {
  Json params = Json::object();
  for (const auto& [key, value] : trial.values) params[key] = json_of(parse_toml_value(value, key));
  return Json{{"name", trial.folder.filename().string()}, {"params", params}}.dump(
      -1, ' ', /*ensure_ascii=*/true);
}

constexpr const char* kStopped = "stopped by a signal; the same command resumes the search";

// `slipway train` with the trial's values. They, and what --set says, are handed over in a file: a
// command line is for everybody to read.
std::optional<double> run_as_process(const RunFile& run, const std::string& metric,
                                     const SearchTrial& trial) {
  std::string handed = facts_of(trial);
  const auto set = [&](const std::string& assignment) { handed += '\0' + assignment; };
  for (const std::string& each : run.overrides()) set(each);
  for (const auto& [key, value] : trial.values) set(key + "=" + value);
  set("run.output_dir=" + trial.folder.string());
  std::vector<std::string> command = {"train", fs::absolute(run.file()).string(), "--quiet",
                                      std::string("--trial=@") + kHanded};
  if (path_exists(trial.folder)) {
    // of a search that was killed, whose trial still saves: not this one's failure
    FolderLock(trial.folder, "search").release();
    command.emplace_back("--resume");
  }
  const int code = run_program(command, handed);
  if (code == kExitInterrupted || (code != kExitOk && stop_requested()))
    throw Interrupted(kStopped);
  if (code == kExitUsage)
    fail("trial {}: the run file does not work with these values (see above)", trial.number);
  if (code != kExitOk) {
    log_warn("trial {} failed ({} {}); the same command tries it again", trial.number,
             code < 0 ? "signal" : "exit code", std::abs(code));
    return std::nullopt;
  }
  const std::optional<double> objective = last_metric(trial.folder / "metrics.jsonl", metric);
  if (!objective)
    fail("trial {} logged no \"{}\" (search.metric); see {}", trial.number, metric,
         (trial.folder / "metrics.jsonl").string());
  return objective;
}

// What a person follows a search by.
class Progress {
 public:
  explicit Progress(const StudySettings& settings) : settings_(settings) {}

  void begin(const Trial& trial) const {
    std::string shown;
    for (size_t i = 0; i < trial.values.size(); ++i) {
      const Value& value = trial.values[i];
      shown += fmt::format(
          " {}={}", settings_.domains[i].name,
          value.kind == Value::Kind::kFloat ? fmt::format("{:.6g}", value.f) : value.toml());
    }
    log_info("trial {} ({} of {}):{}", trial.number, trial.number + 1, settings_.trials, shown);
  }
  // Of a trial that took `seconds`; one that failed has said so.
  void end(const Trial& trial, std::optional<double> objective, double seconds) {
    seconds_ += seconds;
    ++run_;
    if (!objective || !std::isfinite(*objective)) return;
    if (best_trial_ < 0 || (settings_.maximize ? *objective > best_ : *objective < best_))
      best_ = *objective, best_trial_ = trial.number;
    const int64_t left = settings_.trials - trial.number - 1;
    const std::string time =
        left > 0 ? fmt::format("; about {} left", duration(seconds_ / static_cast<double>(run_) *
                                                           static_cast<double>(left)))
                 : "";
    log_info("trial {}: {} = {:.6g}; best so far {:.6g}, of trial {}{}", trial.number,
             settings_.metric, *objective, best_, best_trial_, time);
  }
  // Of an earlier call of the search.
  void know(const Trial& trial) {
    if (trial.state != SLW_TRIAL_COMPLETE) return;
    if (best_trial_ < 0 || (settings_.maximize ? trial.objective > best_ : trial.objective < best_))
      best_ = trial.objective, best_trial_ = trial.number;
  }

 private:
  static std::string duration(double seconds) {
    const auto whole = static_cast<int64_t>(std::lround(seconds));
    return whole < 90        ? fmt::format("{} s", whole)
           : whole < 90 * 60 ? fmt::format("{} min", (whole + 30) / 60)
                             : fmt::format("{:.1f} h", seconds / 3600);
  }

  const StudySettings& settings_;
  double best_ = 0, seconds_ = 0;
  int64_t best_trial_ = -1, run_ = 0;
};

SearchTrial told(const Trial& trial, const StudySettings& settings, const fs::path& output_dir) {
  SearchTrial out{trial.number, output_dir / fmt::format("trial-{:04}", trial.number), {}, {}};
  for (size_t i = 0; i < trial.values.size(); ++i)
    out.values.emplace_back(settings.domains[i].name, trial.values[i].toml());
  if (trial.state == SLW_TRIAL_COMPLETE) out.objective = trial.objective;
  return out;
}

}  // namespace

SearchResult search(const RunFile& run, const SearchOptions& options) {
  const StopScope stopping(options.stop_on_signals);
  const RunConfig& config = run.config();
  const StudySettings settings = study_settings(run.source(), run.file(), run.overrides());
  for (const std::string& notice : settings.notices) log_info("{}", notice);
  if (!options.run_trial && run.file().empty())
    fail(
        "search: trials are processes that read the run file; load it from a file, or give "
        "run_trial");
  if (!options.run_trial) check_search_metric(settings, config);
  const Registry registry(plugin_folders(config.plugin_path));
  const Registry::Found& found = registry.find(settings.use, SLW_KIND_SEARCH, settings.where);
  RunFacts facts;
  facts.output_dir = config.output_dir.string();
  facts.run_id = fs::path(facts.output_dir).filename().string();
  SearchPlugin plugin(Plugin(*found.library, *found.descriptor,
                             check_options(found.descriptor->options, &settings.options,
                                           found.descriptor->id, settings.where),
                             facts));
  plugin.begin(settings.domains, settings.maximize, settings.seed, facts.run_id);
  const FolderLock lock = take_search_folder(config.output_dir);
  Progress progress(settings);
  const auto run_trial = [&](const Trial& asked) {
    if (stop_requested()) throw Interrupted(kStopped);
    const SearchTrial trial = told(asked, settings, config.output_dir);
    progress.begin(asked);
    const auto began = std::chrono::steady_clock::now();
    const std::optional<double> objective =
        options.run_trial ? options.run_trial(trial) : run_as_process(run, settings.metric, trial);
    progress.end(asked, objective,
                 std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count());
    return objective;
  };
  SearchResult out;
  out.metric = settings.metric;
  out.maximize = settings.maximize;
  for (const Trial& trial : run_study(plugin, settings, config.output_dir / "trials.jsonl",
                                      run_trial, [&](const Trial& trial) { progress.know(trial); }))
    out.trials.push_back(told(trial, settings, config.output_dir));
  if (!out.trials.empty() && std::ranges::none_of(out.trials, [](const SearchTrial& trial) {
        return trial.objective.has_value();
      }))
    fail(
        "{}: every one of {} trials failed; what each said stands above, and the same command "
        "tries them again",
        config.output_dir.string(), out.trials.size());
  out.best = plugin.best();
  return out;
}

SearchResult search(const fs::path& file, const Overrides& overrides,
                    const SearchOptions& options) {
  study_settings(as_config_error([&] { return read_file(file); }), file, overrides);
  return search(RunFile::load(file, overrides), options);
}

}  // namespace slipway
