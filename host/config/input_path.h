// Where a relative path in a run file leads.
#pragma once
#include <string>

#include "base/files.h"

namespace slipway {

// A relative path that stands in `run_file` is looked for beside it first, then in the working
// folder; one of the command line (`where` is
// "--set") the other way round, as the shell would. Where both exist and are not the same, a notice
// says which was taken. The path need not exist: then it is the first place. `key` is for the
// notice. Absolute, with ".." resolved by name.
fs::path input_path(const std::string& given, const std::string& where, const fs::path& run_file,
                    const std::string& key);

// Why there is nothing to read at `found`, with the name nearby that it may have been meant for,
// else with `otherwise`. "" where something is.
std::string why_missing(const fs::path& found, const std::string& otherwise = "");

}  // namespace slipway
