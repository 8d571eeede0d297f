// The folder of a run: what must be true of it before a run begins in it.
#pragma once
#include <optional>
#include <string>

#include "base/files.h"

namespace slipway {

// Resolves --resume: "" = not asked, "true" = the newest usable checkpoint of `output_dir` (none: a fresh start, with a
// warning), else that checkpoint; both may be of the Hugging Face Trainer. What killed processes left in `output_dir` is completed or removed
// first. Throws Error when the one that is named, or every one, cannot be used, and when the disk does not answer.
std::optional<fs::path> checkpoint_to_resume(const std::string& resume, const fs::path& output_dir);

// Makes `output_dir` for a fresh run. What an earlier run left there is moved aside to output_dir.1, .2, ..., with a notice:
// nothing is overwritten. Throws Error.
void prepare_run_folder(const fs::path& output_dir);

}  // namespace slipway
