// --set of the commands that read a run file for one run.
#pragma once
#include "app/command_line.h"
#include "slipway/run_file.hpp"

namespace slipway {

// What --set says. Throws UsageError naming one of [search]: it would change nothing.
Overrides run_overrides(const CommandLine& line);

}  // namespace slipway
