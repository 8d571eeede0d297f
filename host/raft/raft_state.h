// Where a RAFT run stands inside its iterations: what a checkpoint keeps so that a crash in any
// phase resumes in that phase.
#pragma once
#include <string>
#include <vector>

#include "data/packing.h"
#include "record/checkpoint.h"

namespace slipway {

struct RaftState {
  int64_t iteration = 0;  // the one under way
  // its answers are selected and being trained on; else they are still to be sampled
  bool training = false;
  int64_t stage_step = 0;               // optimizer steps done of this iteration's stage
  std::vector<Example> selected;        // when training
  Json iteration_row = Json::object();  // what generation and selection measured
  double base_distinct_2 = 0, last_eval_reward = 0;
  bool evaluated_start = false;   // the starting model was evaluated
  std::vector<int64_t> opinions;  // of each reward: answers that it had an opinion on
  std::string start_checkpoint;   // folder name of the checkpoint at this iteration's start
  // what the run's data held (data/data_files.h); empty: an earlier version did not say
  Json data_files = Json::object();

  CheckpointFile file() const;                        // raft_state.json
  static RaftState read(const fs::path& checkpoint);  // throws Error
};

}  // namespace slipway
