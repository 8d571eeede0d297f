// From a checked tree to fields.
#include "config/run_config.h"

#include <algorithm>

#include "base/error.h"
#include "base/hub_name.h"
#include "base/place.h"
#include "config/check_keys.h"
#include "config/faulty_run.h"
#include "config/input_path.h"
#include "config/overrides.h"
#include "config/schema.h"
#include "config/toml.h"

namespace slipway {
namespace {

// Where paths are looked for, and what was wrong with them.
struct Paths {
  const fs::path& file;
  std::vector<std::string>& faults;
};

// Makes the path in `value` absolute; `key` and `at` are for the message. Empty where there is no
// such file.
fs::path resolve_value(Value& value, const Location& at, const std::string& key,
                       const Paths& paths) {
  if (value.s.empty()) return {};
  const fs::path found = input_path(value.s, at.file, paths.file, key);
  if (const std::string why =
          why_missing(found, key.starts_with("model.") ? hub_hint(value.s) : "");
      !why.empty()) {
    paths.faults.push_back(fmt::format("{}: {} = \"{}\": {}", at.text(), key, value.s, why));
    return {};
  }
  value.s = found.string();
  return found;
}

fs::path resolve(RunConfig& config, const char* section, const char* key, const Paths& paths) {
  Value& value = *config.resolved.find(section)->find(key);
  return resolve_value(value, value.where, fmt::format("{}.{}", section, key), paths);
}

std::vector<fs::path> resolve_list(Value& list, const std::string& key, const Paths& paths) {
  std::vector<fs::path> out;
  for (Value& item : list.items)
    out.push_back(
        resolve_value(item, item.where.file.empty() ? list.where : item.where, key, paths));
  return out;
}

std::vector<fs::path> resolve_all(RunConfig& config, const char* section, const char* key,
                                  const Paths& paths) {
  return resolve_list(*config.resolved.find(section)->find(key), fmt::format("{}.{}", section, key),
                      paths);
}

std::vector<EvalFiles> resolve_sets(RunConfig& config, const Paths& paths) {
  Value& eval = *config.resolved.find("data")->find("eval");
  std::vector<EvalFiles> out;
  if (eval.kind == Value::Kind::kArray && !eval.items.empty())
    out.push_back({"", resolve_list(eval, "data.eval", paths)});
  for (auto& [name, list] : eval.table)
    out.push_back({name, resolve_list(list, "data.eval." + name, paths)});
  return out;
}

// Absolute from the start: a plugin that changes the working folder does not move the run. ".."
// stays, where a link may come before it.
fs::path absolute_output(const fs::path& given) {
  if (given.empty()) return {};
  fs::path out = fs::absolute(given);
  if (std::ranges::find(out, fs::path("..")) == out.end()) out = out.lexically_normal();
  return without_slash(out);
}

PluginUse use_of(const Value& item) {
  PluginUse use;
  use.use = item.find("use")->s;
  use.where = item.find("use")->where;
  if (const Value* weight = item.find("weight")) use.weight = weight->number();
  if (const Value* prefix = item.find("prefix")) use.prefix = prefix->s;
  if (const Value* options = item.find("options")) use.options = *options;
  return use;
}

std::vector<PluginUse> uses(const Value& root, const char* section) {
  std::vector<PluginUse> out;
  const Value* array = root.find(section);
  if (array == nullptr) return out;
  for (const Value& item : array->items) out.push_back(use_of(item));
  return out;
}

// The fields of a checked tree; what is wrong with its paths goes into paths.faults.
void fill_fields(RunConfig& c, const Paths& paths) {
  c.raft = c.text("run", "algorithm") == "raft";
  c.output_dir = absolute_output(c.text("run", "output_dir"));
  c.model_use = c.text("model", "use");
  c.weights = resolve(c, "model", "weights", paths);
  c.model_config = resolve(c, "model", "config", paths);
  c.tokenizer = resolve(c, "model", "tokenizer", paths);
  (void)resolve(c, "lora", "adapter", paths);
  (void)resolve(c, "data", "chat_template", paths);
  c.train_files = resolve_all(c, "data", "train", paths);
  c.eval_sets = resolve_sets(c, paths);
  c.plugin_path = resolve_all(c, "plugins", "path", paths);
  c.rewards = uses(c.resolved, "reward");
  c.metrics = uses(c.resolved, "metric");
  c.callbacks = uses(c.resolved, "callback");
  c.loggers = uses(c.resolved, "logger");
  if (const Value* loss = c.resolved.find("loss")) c.loss = use_of(*loss);
}

// Keys that need one another, as far as they can be used.
void find_missing(const FaultyRun& run, std::vector<std::string>& faults) {
  const RunConfig& c = run.config;
  const auto fault = [&](const Value& at, const std::string& text) {
    faults.push_back(at.where.text() + ": " + text);
  };
  // a path that does not exist has its fault already
  const auto given = [&](const char* section, const char* key) {
    const Value& value = c.get(section, key);
    return !value.s.empty() || !value.items.empty() || !run.usable(section, key);
  };
  if (!given("model", "weights") && !given("model", "config"))
    fault(c.get("model", "use"),
          "[model] needs weights = PATH, or config = PATH to start from scratch");
  if (!given("model", "tokenizer") && !given("model", "weights"))
    fault(c.get("model", "config"), "[model] needs tokenizer = PATH when it starts from scratch");
  if (!given("data", "train")) fault(c.get("data", "train"), "data.train is empty");
  if (!run.usable("run", "algorithm")) return;
  if (c.raft && c.rewards.empty() && !run.unusable.contains("reward"))
    fault(c.get("run", "algorithm"),
          "algorithm = \"raft\" needs at least one [[reward]]; see: slipway plugin list");
  if (!c.raft && !c.rewards.empty())
    fault(c.get("run", "algorithm"), "[[reward]] has no effect with algorithm = \"sft\"");
  if (c.has_named_sets() && c.raft)
    fault(c.get("data", "eval"),
          "raft scores answers to one set of prompts: write data.eval as a list of files");
  if (c.has_named_sets() && c.integer("data", "eval_rows") > 0)
    fault(c.get("data", "eval_rows"),
          "rows set aside are a set without a name; with named sets in data.eval, remove it");
}

}  // namespace

const Value& RunConfig::get(const char* section, const char* key) const {
  const Value* body = resolved.find(section);
  const Value* value = body == nullptr ? nullptr : body->find(key);
  if (value == nullptr)
    fail("configuration: {}.{} was asked for but is not in the schema", section, key);
  return *value;
}

bool FaultyRun::usable(const char* section, const char* key) const {
  return !unusable.contains(section) && !unusable.contains(fmt::format("{}.{}", section, key));
}

std::vector<std::string> RunConfig::texts(const char* section, const char* key) const {
  std::vector<std::string> out;
  for (const Value& item : get(section, key).items) out.push_back(item.s);
  return out;
}

RunConfig load_run_config(const fs::path& file, const std::vector<std::string>& overrides,
                          std::vector<std::string>* notices) {
  const std::string text = as_config_error([&] { return read_file(file); });
  return parse_run_config(text, file, overrides, notices);
}

RunConfig parse_run_config(std::string_view source, const fs::path& file,
                           const std::vector<std::string>& overrides,
                           std::vector<std::string>* notices) {
  std::vector<std::string> faults;
  RunConfig out = parse_run_config(source, file, overrides, notices, faults);
  if (!faults.empty()) throw ConfigError(std::move(faults));
  return out;
}

RunConfig parse_run_config(std::string_view source, const fs::path& file,
                           const std::vector<std::string>& overrides,
                           std::vector<std::string>* notices, std::vector<std::string>& faults) {
  return read_faulty_run(source, file, overrides, notices, faults).config;
}

FaultyRun read_faulty_run(std::string_view source, const fs::path& file,
                          const std::vector<std::string>& overrides,
                          std::vector<std::string>* notices, std::vector<std::string>& faults) {
  Value root = as_config_error([&] {
    Value tree = parse_toml(source, file.string());
    for (const std::string& assignment : overrides) lay_over(tree, assignment);
    return tree;
  });
  root.where.file = file.string();
  CheckedKeys checked = check_keys(root, notices);
  faults.insert(faults.end(), checked.faults.begin(), checked.faults.end());
  FaultyRun run;
  run.config.resolved = std::move(checked.tree);
  run.unusable = std::move(checked.unusable);
  fill_fields(run.config, {file, faults});
  find_missing(run, faults);
  return run;
}

std::string print_config(const RunConfig& config) {
  std::string out;
  for (const auto& [section, body] : config.resolved.table) {
    if (body.kind == Value::Kind::kArray) {
      for (const Value& item : body.items) {
        out += fmt::format("{}[[{}]]\n", out.empty() ? "" : "\n", section);
        for (const auto& [name, value] : item.table)
          out += fmt::format("{} = {}  # {}\n", name, value.toml(), value.where.text());
      }
      continue;
    }
    out += fmt::format("{}[{}]\n", out.empty() ? "" : "\n", section);
    for (const auto& [name, value] : body.table)
      out += fmt::format("{} = {}  # {}\n", name, value.toml(), value.where.text());
  }
  return out;
}

}  // namespace slipway
