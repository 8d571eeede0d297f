// --profile: where a command's trace goes.
#pragma once
#include "app/command_line.h"
#include "base/files.h"

namespace slipway {

// What --profile says: "" = no trace, `fallback` when it names no file. Throws UsageError unless
// the name ends in ".json": a run file that was taken for the option's value must not be
// overwritten.
fs::path trace_path(const CommandLine& line, const fs::path& fallback);

}  // namespace slipway
