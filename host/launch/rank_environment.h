// What a rank finds in its environment: torchrun's variables, so that a program cannot tell who
// started it, and what is ours.
#pragma once
#include "launch/launch_plan.h"

namespace slipway {

// Secret of the run: whoever wants to join its group shows it. Hexadecimal digits.
inline constexpr const char* kRunToken = "SLIPWAY_RUN_TOKEN";
// A file that whoever leads the group makes once its run has begun: from then on a rank that is
// started again resumes what this run wrote; before, it begins as it was asked to.
inline constexpr const char* kBegunFile = "SLIPWAY_BEGUN_FILE";

// The file in `folder` where a rank says why it failed.
fs::path error_file(const fs::path& folder, const Life& life, int64_t local);

// "KEY=VALUE": the environment of this process with what is the rank's in it. `folder`: private to
// this launch.
std::vector<std::string> rank_environment(const LaunchPlan& plan, const Life& life, int64_t local,
                                          const fs::path& folder);

// Why no ranks may be started where this process is: "" = they may. `nodes_given`: this process is
// told which of several nodes it is, so that one launch on each of them is what is wanted.
std::string started_already(bool nodes_given);

}  // namespace slipway
