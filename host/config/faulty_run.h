// A run file with faults, as far as it can be read.
#pragma once
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "config/run_config.h"

namespace slipway {

struct FaultyRun {
  RunConfig config;  // what is wrong has its default
  // "run.algorithm", "reward": what is not as the file means it (config/check_keys.h). Its fault
  // has been told.
  std::set<std::string> unusable;
  bool usable(const char* section, const char* key) const;
};

// parse_run_config() that goes on: every fault that leaves the rest readable (a wrong key, a
// missing file, keys that do not go together) is appended to `faults`. Throws ConfigError where the
// text is not TOML, or an override has no place in it.
FaultyRun read_faulty_run(std::string_view source, const fs::path& file,
                          const std::vector<std::string>& overrides,
                          std::vector<std::string>* notices, std::vector<std::string>& faults);

}  // namespace slipway
