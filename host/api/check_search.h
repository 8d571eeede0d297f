// The [search] section of a run file, before anything is searched.
#pragma once
#include <string>

#include "base/files.h"
#include "plugin/registry.h"
#include "search/study.h"

namespace slipway {

// The [search] section of the run file `source`; `file` is its name in messages. Throws
// ConfigError, also where there is none.
StudySettings study_settings(const std::string& source, const fs::path& file);

// Checks the section, its plugin and the plugin's options; a run file without one passes. Throws
// ConfigError.
void check_search(const Registry& registry, const std::string& source, const fs::path& file);

}  // namespace slipway
