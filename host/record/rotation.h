// Which checkpoints of a run folder stay when a new one is whole.
//
// Two kinds are told apart. What save_strategy asks for is kept as save_total_limit says, as the
// Hugging Face Trainer does. What RAFT saves at the start of an iteration, so that a resume finds
// it, is marked by a file of its own: the newest of those stays, the ones before go.
#pragma once
#include <cstdint>
#include <vector>

#include "record/checkpoint.h"

namespace slipway {

// The mark of a checkpoint at an iteration's start, a file of it. `asked`: save_strategy asked for
// a checkpoint of the same step too, and this one takes its place.
CheckpointFile start_mark(bool asked);

struct Rotation {
  int64_t limit = 0;                   // checkpoints that were asked for; 0 = all
  std::vector<fs::path> protect = {};  // by their names; they count, and stay
  // Also the start of the iteration that a kept checkpoint is in the middle of: what raft's
  // min_distinct_2 goes back to.
  bool keep_starts_of_kept = false;
};

// Deletes starts that newer ones follow, then the oldest of the others until `limit` are left, but
// never the newest. What cannot be deleted is a warning. Throws Error when the folder cannot be
// read.
void rotate_checkpoints(const fs::path& output_dir, const Rotation& rotation);

}  // namespace slipway
