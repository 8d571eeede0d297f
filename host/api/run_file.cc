// Run files as a program reads them.
#include "slipway/run_file.hpp"

#include <algorithm>

#include "api/check_data.h"
#include "api/check_run.h"
#include "api/check_search.h"
#include "api/load_model.h"
#include "api/plan.h"
#include "config/schema.h"

namespace slipway {

RunFile RunFile::load(const fs::path& file, const Overrides& overrides) {
  RunFile out;
  out.file_ = file;
  out.overrides_ = overrides;
  out.source_ = as_config_error([&] { return read_file(file); });
  out.config_ = std::make_shared<const RunConfig>(
      parse_run_config(out.source_, file, overrides, &out.notices_));
  return out;
}

RunFile RunFile::parse(const std::string& toml, const Overrides& overrides,
                       const fs::path& folder) {
  RunFile out;
  out.overrides_ = overrides;
  out.source_ = toml;
  out.config_ = std::make_shared<const RunConfig>(
      parse_run_config(toml, folder / "run.toml", overrides, &out.notices_));
  return out;
}

namespace {

// Whether a fault is told of, or because of, a key whose own fault has been told.
bool follows(const std::string& fault, const std::set<std::string>& unusable) {
  const size_t begin = std::min(fault.find(": "), fault.size());  // behind the place
  return std::ranges::any_of(unusable, [&](const std::string& each) {
    return fault.find(each.substr(each.find('.') + 1), begin) != std::string::npos;
  });
}

// What is wrong beyond single keys.
void collect_run_faults(std::vector<std::string>& faults, const std::string& source,
                        const fs::path& file, const Overrides& overrides, const FaultyRun& run) {
  const RunConfig& config = run.config;
  const Registry registry(plugin_folders(config.plugin_path));
  keep_faults(faults, [&] { plan_plugins(registry, config); });
  std::vector<std::string> together;
  if (run.usable("run", "algorithm")) keep_faults(together, [&] { check_together(config); });
  std::erase_if(together, [&](const std::string& each) { return follows(each, run.unusable); });
  faults.insert(faults.end(), together.begin(), together.end());
  keep_faults(faults, [&] { check_search(registry, source, file, overrides, run); });
}

}  // namespace

void RunFile::check() const {
  std::vector<std::string> faults;
  collect_run_faults(faults, source_, file_, overrides_, {*config_, {}});
  if (!faults.empty()) throw ConfigError(std::move(faults));
}

std::vector<std::string> RunFile::faults(const fs::path& file, const Overrides& overrides) {
  std::vector<std::string> out;
  keep_faults(out, [&] {
    const std::string source = read_file(file);
    const FaultyRun run = read_faulty_run(source, file, overrides, nullptr, out);
    collect_run_faults(out, source, file, overrides, run);
    for (std::string& each : data_faults(run)) out.push_back(std::move(each));
  });
  return out;
}

fs::path RunFile::output_dir() const { return config_->output_dir; }

std::string RunFile::value(const std::string& key) const {
  const size_t dot = key.find('.');
  const Value* section = config_->resolved.find(key.substr(0, dot));
  const Value* value =
      section == nullptr || dot == std::string::npos ? nullptr : section->find(key.substr(dot + 1));
  if (value == nullptr)
    fail("\"{}\" is not a key of a run file; one is named like \"train.learning_rate\"", key);
  return value->toml();
}

std::string RunFile::text() const { return print_config(*config_); }

}  // namespace slipway
