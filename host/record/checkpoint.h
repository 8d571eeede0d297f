// Checkpoints that survive a crash at any moment: written aside, flushed, listed with hashes, then
// renamed into place; removed under a hidden name.
#pragma once
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/files.h"
#include "base/json.h"

namespace slipway {

// A file of a checkpoint; write() creates it at the path that it is given, on the disk when it
// returns.
struct CheckpointFile {
  std::string name;
  std::function<void(const fs::path&)> write;
};

// Writes output_dir/checkpoint-<step>, replacing one of the same step. Throws Error, leaving every
// checkpoint as it is.
fs::path write_checkpoint(const fs::path& output_dir, int64_t step,
                          const std::vector<CheckpointFile>& files);

// Whether the folder is a checkpoint of the Hugging Face Trainer: weights and trainer_state.json,
// and no file that only ours have. Throws Error when that cannot be told.
bool is_foreign_checkpoint(const fs::path& checkpoint);

// Throws Damaged (base/manifest.h) naming the file that is missing or differs from the manifest,
// Error where the disk does not answer. Foreign checkpoints have no manifest, and pass.
void verify_checkpoint(const fs::path& checkpoint);

// Throws Error when the checkpoint is whole, but was saved without what training needs to go on.
void require_resumable(const fs::path& checkpoint);

// The step of a folder checkpoint-<step>; nothing for another name.
std::optional<int64_t> step_of(const fs::path& folder);
std::optional<int64_t> step_in_name(std::string_view name);  // of the folder's name

// The checkpoints of a run folder by their names, newest first; none where there is no such folder.
// One that stepped aside for another of its step when the power went is among them, under its
// hidden name. Throws Error when the folder cannot be read: unreadable is not empty.
std::vector<fs::path> list_checkpoints(const fs::path& output_dir);

// The newest checkpoint that verifies; damaged ones are passed over, and why is added to `skipped`.
// Throws Error where the disk does not answer: an older checkpoint, or none, would be a guess then.
std::optional<fs::path> latest_checkpoint(const fs::path& output_dir,
                                          std::vector<std::string>* skipped);

// Deletes all checkpoints but `keep`. What cannot be deleted is a warning. Throws Error when the
// folder cannot be read. Which ones stay while a run goes on: rotation.h.
void keep_one_checkpoint(const fs::path& output_dir, const fs::path& keep);

// Completes or removes what killed processes left in a run folder, before anything else is done in
// it by the one process that may: unfinished checkpoints and files, a checkpoint that only stepped
// aside, a final model that was being placed. Throws Error.
void recover_run_folder(const fs::path& output_dir);

}  // namespace slipway
