// scheduler.pt: where a learning-rate schedule stands, as the state_dict of the peer's class
// (torch's LambdaLR and ReduceLROnPlateau, transformers' GreedyLR).
#pragma once
#include <string>
#include <vector>

#include "base/files.h"
#include "optim/schedule.h"
#include "weights/torch_value.h"

namespace slipway {

// The schedule after `step` updates, for write_torch_file(); it has two parameter groups, as the
// Hugging Face Trainer makes them.
TorchValue scheduler_state(const Schedule& schedule, int64_t step);

struct ReadScheduler {
  // what is to be added to the number of steps done to get the schedule's own
  int64_t offset = 0;
  // what the run file sets otherwise, a sentence each: the run file's is used
  std::vector<std::string> differences;
};

// Puts `schedule`, of the name `name`, where the file says, `steps` steps being done. Throws Error
// naming file, entry and fix where it is of another kind.
ReadScheduler read_scheduler(const fs::path& path, Schedule& schedule, const std::string& name,
                             int64_t steps);

}  // namespace slipway
