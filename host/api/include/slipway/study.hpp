// study.hpp -- a hyperparameter search: many trials of one run file.
#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "slipway/run_file.hpp"

namespace slipway {

struct SearchTrial {
  int64_t number = 0;
  std::filesystem::path folder;                             // its output folder: trial-NNNN
  std::vector<std::pair<std::string, std::string>> values;  // key of the run file, TOML
  std::optional<double> objective;                          // nothing: it failed
};

struct SearchResult {
  std::string metric;
  bool maximize = true;
  std::vector<SearchTrial> trials;
  std::vector<int64_t> best;  // numbers of trials
};

struct SearchOptions {
  bool stop_on_signals = false;
  // Runs one trial and returns its objective. Default: `slipway train` in a process of its own, for
  // which the run file must lie in a file.
  std::function<std::optional<double>(const SearchTrial& trial)> run_trial;
};

// The trials of [search]; what the journal in the output folder has is not run again.
SearchResult search(const RunFile& run, const SearchOptions& options = {});
// The same from a file; that it has a [search] is asked before anything else.
SearchResult search(const std::filesystem::path& file, const Overrides& overrides = {},
                    const SearchOptions& options = {});

}  // namespace slipway
