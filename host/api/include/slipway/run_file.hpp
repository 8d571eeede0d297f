// run_file.hpp -- a run file: read, overridden, checked.
#pragma once
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace slipway {

struct RunConfig;
using Overrides = std::vector<std::string>;  // "train.learning_rate=2e-5", ...

// A run file, checked: every key has its value.
class RunFile {
 public:
  // Relative paths in it are looked for beside the file, then in the working folder; those of
  // `overrides` the other way round.
  static RunFile load(const std::filesystem::path& file, const Overrides& overrides = {});
  // The same from text; `folder` stands for the file's.
  static RunFile parse(const std::string& toml, const Overrides& overrides = {},
                       const std::filesystem::path& folder = ".");

  // Checks its plugins and their options too, what no single key can tell, and [search]; builds
  // nothing. Throws with every fault.
  void check() const;
  // Every fault of a run file, each "file:line: ...", the first malformed row of each of its files
  // included; none: it is good. Builds nothing. Of a text that is not TOML that alone is told.
  static std::vector<std::string> faults(const std::filesystem::path& file,
                                         const Overrides& overrides = {});
  std::filesystem::path output_dir() const;
  std::string value(const std::string& key) const;  // of "train.learning_rate", as TOML
  std::string text() const;                         // as TOML, each value with where it came from
  const std::vector<std::string>& notices() const {
    return notices_;
  }  // old names that were accepted
  // Where it was read ("" after parse()), what was laid over it, its text.
  const std::filesystem::path& file() const { return file_; }
  const Overrides& overrides() const { return overrides_; }
  const std::string& source() const { return source_; }
  const RunConfig& config() const { return *config_; }  // for Slipway's own code

 private:
  std::shared_ptr<const RunConfig> config_;
  std::string source_;
  std::filesystem::path file_;
  Overrides overrides_;
  std::vector<std::string> notices_;
};

}  // namespace slipway
