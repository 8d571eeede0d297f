// A hyperparameter search: what [search] says, and the journal from which an interrupted search
// goes on.
#pragma once
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "plugin/search.h"

namespace slipway {

struct StudySettings {
  std::string use;  // search plugin
  Value options;    // its options
  Location where;
  std::string metric;  // "eval_reward"
  bool maximize = true;
  int64_t trials = 10;
  uint64_t seed = 42;
  std::vector<Domain> domains;       // under the keys' own names
  std::vector<std::string> notices;  // keys that the file calls otherwise
};

// Reads [search] and takes it out of the run file's tree. Throws ConfigError naming the faulty
// line.
StudySettings take_study(Value& root);

struct Trial {
  int64_t number = 0;
  std::vector<Value> values;  // one a domain
  slw_trial_state state = SLW_TRIAL_RUNNING;
  double objective = 0;  // when complete
};

// Runs trials one after another until `settings.trials` are there or the space is exhausted, then
// those again that an earlier call of it saw fail: each once, for their cause may be gone. Every
// trial is written to `journal` (JSON Lines) before and after it runs; what the journal has is told
// to the plugin in its order instead of being run again, a trial that was tried again with both its
// ends; one that was under way is run again. run(trial) returns the objective, nothing when the
// trial failed. `known` is told of each trial that the journal has.
std::vector<Trial> run_study(SearchPlugin& plugin, const StudySettings& settings,
                             const fs::path& journal,
                             const std::function<std::optional<double>(const Trial&)>& run,
                             const std::function<void(const Trial&)>& known = {});

}  // namespace slipway
