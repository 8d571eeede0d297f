// The parts that a run is made of, looked at one by one before there is a run file.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "base/files.h"

namespace slipway {

struct ModelLook {
  std::string use;   // the plugin that takes it, by its short name
  std::string told;  // "llama, 134.5 million weights, with a tokenizer"
};
// Opens the weights and holds what their model plugin declares against them; allocates none. Throws
// Error saying what is wrong, also where there is no tokenizer.
ModelLook look_at_model(const fs::path& weights);

struct DataLook {
  int64_t rows = 0;
  std::vector<std::string> columns;  // of the first row: "prompt", "completion", others
};
// Reads a file or folder of rows as `algorithm` ("sft", "raft") would, with data.prompt_column and
// data.completion_column, "" for the usual names. Throws Error on the first row that it cannot
// take.
DataLook look_at_data(const fs::path& data, const std::string& algorithm,
                      const std::string& prompt_column = "",
                      const std::string& completion_column = "");

// The short names of all reward plugins beside the program.
std::vector<std::string> reward_plugins();
// Throws Error with the nearest name where there is no such reward plugin, or it needs options.
void look_at_reward(const std::string& use);

}  // namespace slipway
