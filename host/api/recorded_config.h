// config.resolved.toml: what ran, and what of it changed when it was resumed.
#pragma once
#include <string>
#include <vector>

#include "api/plan.h"

namespace slipway {

// The whole configuration as TOML, the plugins with versions and hashes before it, as comments;
// `history` are more lines of these.
std::string resolved_text(const RunConfig& config, const Plan& plan, const Registry::Found& model,
                          const std::vector<std::string>& history);

// Where two such texts differ in what they mean, each difference as "train.learning_rate was 0.01,
// is 1e-09": values and plugins, not the places that values came from, nor two names of one file.
// What does not touch the result (where the run lies, how many checkpoints are kept, loggers) is
// not told.
std::vector<std::string> differences(const std::string& recorded, const std::string& now);

struct RecordedStart {
  fs::path begun_with;    // another run's checkpoint that a fresh run begins with
  fs::path resumed_from;  // the run's own checkpoint
};
// Writes `file` for a run that begins or resumes. In the second case differences are warned about
// and kept in the file; without any it stays as it is. Throws Error when it cannot be written.
void record_config(const fs::path& file, const RunConfig& config, const Plan& plan,
                   const Registry::Found& model, const RecordedStart& start);

}  // namespace slipway
