// Checkpoints that survive a crash at any moment: written aside, flushed, listed with hashes, then renamed into place.
#pragma once
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/files.h"
#include "base/json.h"

namespace slipway {

// A file of a checkpoint; write() creates it at the path that it is given.
struct CheckpointFile {
  std::string name;
  std::function<void(const fs::path&)> write;
};

// Writes output_dir/checkpoint-<step>, replacing one of the same step. Throws Error, leaving older checkpoints as they are.
fs::path write_checkpoint(const fs::path& output_dir, int64_t step, const std::vector<CheckpointFile>& files);

// Whether the folder is a checkpoint of the Hugging Face Trainer: weights and trainer_state.json, and no file of ours.
bool is_foreign_checkpoint(const fs::path& checkpoint);

// Throws Error naming the file that is missing or differs from the manifest. Foreign checkpoints have none, and pass.
void verify_checkpoint(const fs::path& checkpoint);

// Throws Error when the checkpoint is whole, but was saved without what training needs to go on.
void require_resumable(const fs::path& checkpoint);

// The newest checkpoint that verifies; what was passed over, and why, is added to `skipped`.
std::optional<fs::path> latest_checkpoint(const fs::path& output_dir, std::vector<std::string>* skipped);

// Deletes the oldest checkpoints until `limit` are left (0 = no limit), but never the newest and those of `protect`; and what unfinished
// ones a crash left.
void rotate_checkpoints(const fs::path& output_dir, int64_t limit, const std::vector<fs::path>& protect = {});

// Deletes all checkpoints but `keep`.
void keep_one_checkpoint(const fs::path& output_dir, const fs::path& keep);

}  // namespace slipway
