// A checked run file as plain fields.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/files.h"
#include "config/value.h"

namespace slipway {

struct PluginUse {
  std::string use;
  double weight = 1.0;  // [[reward]]
  std::string prefix;   // [[metric]]: stands before its metrics' names
  Value options;
  Location where;
};

// What is evaluated together; `name` is "" when data.eval is a list.
struct EvalFiles {
  std::string name;
  std::vector<fs::path> files;
};

struct RunConfig {
  bool raft = false;
  fs::path output_dir;
  Value resolved;  // every key with its value and origin

  std::string model_use;
  fs::path weights, model_config, tokenizer;
  std::vector<fs::path> train_files, plugin_path;
  std::vector<EvalFiles> eval_sets;
  std::vector<PluginUse> rewards, metrics, callbacks, loggers;
  std::optional<PluginUse> loss;

  bool has_named_sets() const { return !eval_sets.empty() && !eval_sets[0].name.empty(); }

  // The value of section.key; the schema guarantees that it exists and has the type asked for.
  const Value& get(const char* section, const char* key) const;
  int64_t integer(const char* section, const char* key) const { return get(section, key).i; }
  double number(const char* section, const char* key) const { return get(section, key).number(); }
  bool flag(const char* section, const char* key) const { return get(section, key).b; }
  const std::string& text(const char* section, const char* key) const {
    return get(section, key).s;
  }
  std::vector<std::string> texts(const char* section, const char* key) const;
};

// Reads, overrides, checks, resolves paths (config/input_path.h) and requires them to
// exist. Throws ConfigError with every fault found, or Error, before anything is built.
RunConfig load_run_config(const fs::path& file, const std::vector<std::string>& overrides,
                          std::vector<std::string>* notices);
// The same from the text of a run file; `file` is its name in messages, and its folder the one
// where paths are looked for.
RunConfig parse_run_config(std::string_view source, const fs::path& file,
                           const std::vector<std::string>& overrides,
                           std::vector<std::string>* notices);
// The same for who wants to look further: faults that leave the rest readable (a missing file, keys
// that do not go together) are appended to `faults` and not thrown.
RunConfig parse_run_config(std::string_view source, const fs::path& file,
                           const std::vector<std::string>& overrides,
                           std::vector<std::string>* notices, std::vector<std::string>& faults);

// The resolved configuration as TOML, each line with where its value came from; reads back to the
// same configuration.
std::string print_config(const RunConfig& config);

}  // namespace slipway
