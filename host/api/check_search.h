// The [search] section of a run file, before anything is searched.
#pragma once
#include <string>
#include <vector>

#include "base/files.h"
#include "config/faulty_run.h"
#include "plugin/registry.h"
#include "search/study.h"

namespace slipway {

// The [search] section of the run file `source` with what `overrides` (--set) say of it; `file` is
// its name in messages. Throws ConfigError, also where there is none.
StudySettings study_settings(const std::string& source, const fs::path& file,
                             const std::vector<std::string>& overrides);

// Checks the section, its plugin, the plugin's options, and that the run can log search.metric; a
// run file without one passes. Throws ConfigError with every fault.
void check_search(const Registry& registry, const std::string& source, const fs::path& file,
                  const std::vector<std::string>& overrides, const FaultyRun& run);

// The last of these alone. Throws ConfigError.
void check_search_metric(const StudySettings& settings, const RunConfig& config);

}  // namespace slipway
