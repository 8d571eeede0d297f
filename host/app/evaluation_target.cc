// Targets of evaluations.
#include "app/evaluation_target.h"

#include <algorithm>

#include "api/check_run.h"
#include "api/load_model.h"
#include "app/run_overrides.h"
#include "app/trust.h"
#include "base/hub_name.h"
#include "base/log.h"
#include "base/path_kind.h"
#include "base/place.h"
#include "config/schema.h"
#include "weights/model_folder.h"

namespace slipway {

const char* const kEvaluationTargetHelp =
    "WHAT is one of:\n"
    "  - a run file: the model, the data (data.eval, data.eval_rows) and the [[metric]]s that it "
    "names; FOLDER is its run.output_dir\n"
    "  - a run folder: the model that the run ended with, on the data of the run; FOLDER is the "
    "run folder\n"
    "  - a checkpoint in it: the same of that step; FOLDER is the run folder\n"
    "  - any model: a weights folder, GGUF file or TorchScript archive (.pt, .pt2), on the files "
    "of "
    "--data; FOLDER is the working folder";

void add_target_options(CommandLine& line) {
  line.positional("WHAT", "run file, run folder, checkpoint, weights folder or GGUF file")
      .option(
          "model", "PATH",
          "evaluate these weights instead: a weights folder, checkpoint, run folder or GGUF file")
      .repeated("data", "FILE",
                "evaluate on this file, read as [data] says, instead of the run file's data; "
                "NAME=FILE makes named sets, whose metrics carry the name")
      .repeated(
          "metric", "PLUGIN",
          "measure this too, as a [[metric]] block would: accuracy, perplexity, exact_match, f1")
      .repeated("set", "KEY=VALUE",
                "override a key of the run file: --set train.per_device_eval_batch_size=32")
      .option("out", "FOLDER", "put the results there");
  add_trust_option(line);
}

namespace {

std::string quoted(const std::string& text) { return Value::of(text).toml(); }

// What the command line names must be there. Throws UsageError.
void require_path(const char* option, const std::string& path, const std::string& hint = "") {
  std::error_code ec;
  if (!fs::exists(path, ec))
    throw UsageError(
        fmt::format("{}{}: {}", option, path, ec ? ec.message() : "no such file or folder" + hint));
}

struct NamedData {
  std::string name, file;
};

NamedData named_data(const std::string& given) {
  const size_t equals = given.find('=');
  if (equals == std::string::npos || equals == 0 || kind_of_path(given) != PathKind::kNothing)
    return {"", given};
  return {given.substr(0, equals), given.substr(equals + 1)};
}

// --data as the TOML value of data.eval; "" when it is not given.
std::string eval_value(const std::vector<std::string>& given, std::string& flat) {
  std::vector<std::pair<std::string, std::string>> sets;
  for (const std::string& each : given) {
    const NamedData data = named_data(each);
    require_path("--data ", data.file);
    if (!sets.empty() && sets[0].first.empty() != data.name.empty())
      throw UsageError(
          fmt::format("--data {}: either every --data has a name, NAME=FILE, or none", each));
    const auto found =
        std::ranges::find(sets, data.name, &std::pair<std::string, std::string>::first);
    if (found == sets.end()) sets.emplace_back(data.name, quoted(data.file));
    else found->second += ", " + quoted(data.file);
    flat += (flat.empty() ? "" : ", ") + quoted(data.file);
  }
  if (sets.empty()) return "";
  if (sets[0].first.empty()) return "[" + sets[0].second + "]";
  std::string out;
  for (const auto& [name, files] : sets)
    out += (out.empty() ? "" : ", ") + quoted(name) + " = [" + files + "]";
  return "{" + out + "}";
}

// The run file that `what` is, or that lies in it or, for a checkpoint, beside it.
fs::path run_file_of(const fs::path& what) {
  if (kind_of_path(what) != PathKind::kFolder)
    return what.extension() == ".gguf" || !program_at(what).empty() ? fs::path() : what;
  const fs::path plain = without_slash(fs::absolute(what).lexically_normal());
  for (const fs::path& folder : {plain, plain.parent_path()})
    if (fs::exists(folder / "config.resolved.toml") &&
        (folder == plain || plain.filename().string().starts_with("checkpoint-")))
      return folder / "config.resolved.toml";
  return {};
}

// The file with `more` behind it; what is wrong with it is told of the file.
RunFile with_more(const fs::path& file, const std::string& more, const Overrides& overrides) {
  try {
    return RunFile::parse(read_file(file) + more, overrides, file.parent_path());
  } catch (const ConfigError& e) {
    const std::string made = (file.parent_path() / "run.toml").string();  // parse()'s name for it
    std::vector<std::string> faults = e.faults;
    for (std::string& each : faults)
      if (each.starts_with(made + ":")) each.replace(0, made.size(), file.string());
    throw ConfigError(std::move(faults));
  }
}

}  // namespace

EvaluationTarget target_of(const CommandLine& line) {
  const std::string what = line.text("WHAT");
  require_path("", what, hub_hint(what));
  if (line.has("model")) require_path("--model ", line.text("model"), hub_hint(line.text("model")));
  const fs::path file = run_file_of(what);
  const bool is_folder = kind_of_path(what) == PathKind::kFolder;
  std::string flat;
  const std::string eval = eval_value(line.texts("data"), flat);
  if (file.empty() && eval.empty())
    throw UsageError(fmt::format("{} names no data: give --data FILE", what));
  Overrides overrides;
  if (!line.has("trust")) {
    if (is_folder && !file.empty()) leave_out_foreign_plugins(file, overrides);
    refuse_compiled_weights(line.has("model")           ? line.text("model")
                            : file.empty() || is_folder ? what
                                                        : "");
  }
  if (line.has("model")) overrides.push_back("model.weights=" + quoted(line.text("model")));
  else if (file.empty() || is_folder) overrides.push_back("model.weights=" + quoted(what));
  if (file.empty()) overrides.push_back("data.train=[" + flat + "]");
  if (!program_at(line.has("model") ? line.text("model") : what).empty())
    overrides.emplace_back("model.use=\"torchscript\"");
  if (!eval.empty()) {
    overrides.push_back("data.eval=" + eval);
    overrides.emplace_back("data.eval_rows=0");
  }
  for (const std::string& each : run_overrides(line)) overrides.push_back(each);
  std::string more;
  for (const std::string& metric : line.texts("metric"))
    more += fmt::format("\n[[metric]]\nuse = {}\n", quoted(metric));
  RunFile run =
      file.empty()
          ? RunFile::parse("[run]\nalgorithm = \"sft\"\noutput_dir = \".\"\n" + more, overrides)
      : more.empty() ? RunFile::load(file, overrides)
                     : with_more(file, more, overrides);
  as_config_error([&] {
    const Registry registry(plugin_folders(run.config().plugin_path));
    for (const std::string& metric : line.texts("metric"))
      (void)registry.find(metric, SLW_KIND_METRIC, {"--metric", 0});
  });
  for (const std::string& notice : run.notices()) log_info("{}", notice);
  if (!has_held_out(run.config()))
    throw UsageError(fmt::format(
        "{} has nothing to evaluate: give --data FILE, or set data.eval or data.eval_rows in it",
        what));
  const fs::path out = line.has("out") ? fs::path(line.text("out"))
                       : file.empty()  ? fs::path(".")
                       : is_folder     ? file.parent_path()
                                       : run.output_dir();
  return {std::move(run), out};
}

}  // namespace slipway
