// What `slipway evaluate` and `slipway predict` have in common: the model and the data that the
// command line means.
#pragma once
#include "app/command_line.h"
#include "slipway/slipway.hpp"

namespace slipway {

// What both commands' help says of WHAT.
extern const char* const kEvaluationTargetHelp;
void add_target_options(CommandLine& line);

struct EvaluationTarget {
  RunFile run;
  std::filesystem::path out;  // folder of the results
};
// Throws UsageError or Error before anything is built.
EvaluationTarget target_of(const CommandLine& line);

}  // namespace slipway
