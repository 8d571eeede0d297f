// The run file that `slipway new` writes.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace slipway {

struct NewReward {
  std::string use;
  double weight = 1.0;
};

struct NewRun {
  bool raft = false;
  std::string output_dir;
  std::string model_use = "auto";
  std::string model, data;  // as they are to stand in the file
  int64_t rows = 0;         // of the data: some are set aside to evaluate on where there are enough
  std::vector<NewReward> rewards;
  std::string prompt_column = {}, completion_column = {};  // "": the usual names
};

// The file's text: every key under a comment with what the schema says of it.
std::string new_run_file(const NewRun& run);

}  // namespace slipway
