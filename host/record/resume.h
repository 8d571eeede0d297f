// Where a run goes on from: its own checkpoint, an older one of its own, or another run's.
#pragma once
#include <optional>
#include <string>

#include "base/files.h"

namespace slipway {

// Resolves --resume: "" = not asked, "true" = the newest usable checkpoint of `output_dir` (none: a
// fresh start, with a notice), else that checkpoint; both may be of the Hugging Face Trainer. Going
// back that a crash interrupted is finished first. Throws Error when the one that is named cannot
// be used, and when `output_dir` has checkpoints and none of them can.
std::optional<fs::path> checkpoint_to_resume(const std::string& resume, const fs::path& output_dir);

// Whether the checkpoint is one that the run in `output_dir` goes on from; else a fresh run begins
// with it. Throws Error for one that lies deeper in the folder, on a branch that was abandoned.
bool is_of_run(const fs::path& checkpoint, const fs::path& output_dir);

// Moves aside what the run wrote after the checkpoint, where it goes back to an older one: later
// checkpoints, the samples of later iterations, the final model and its results go to
// output_dir/abandoned-1, -2, ..., and a copy of metrics.jsonl with them. Nothing is deleted.
// Killed meanwhile, checkpoint_to_resume("true") finishes it. Throws Error.
void go_back_to(const fs::path& checkpoint, const fs::path& output_dir);

// Makes another run's checkpoint, which stays as it is, the first one of the run in `output_dir`,
// with its rows of metrics.jsonl and its samples as they were then: a crash before the next save
// goes on from there. Returns the checkpoint in `output_dir`. Throws Error.
fs::path take_over(const fs::path& checkpoint, const fs::path& output_dir);

}  // namespace slipway
