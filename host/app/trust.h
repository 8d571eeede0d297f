// Data never names code. A folder that came from somewhere else may hold weights, settings and
// data; libraries and compiled programs that it names run only where --trust says so. A run file
// that the user names is the user's own choice of code.
#pragma once
#include "app/command_line.h"
#include "base/files.h"
#include "slipway/run_file.hpp"

namespace slipway {

// The option --trust.
void add_trust_option(CommandLine& line);

// For `file`, the config.resolved.toml of a folder: where it names plugin folders, and everything
// that it uses is bundled with the program, they are left out by an override. Throws UsageError
// naming what else it would load.
void leave_out_foreign_plugins(const fs::path& file, Overrides& overrides);

// Refuses weights that are compiled code (an AOTInductor package, model.pt2). Throws UsageError.
void refuse_compiled_weights(const fs::path& weights);

}  // namespace slipway
