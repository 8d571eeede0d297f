// Results of training, evaluating and predicting as Hugging Face's example scripts leave them:
// <split>_results.json beside all_results.json, and a table for people.
#pragma once
#include <string>

#include "base/files.h"
#include "base/json.h"
#include "record/state.h"

namespace slipway {

// "***** eval metrics *****" and a line a metric, sorted and aligned: run times as h:mm:ss.cc,
// total_flos in GF, the rest to four digits.
std::string results_table(const std::string& split, const Json& metrics);

// Writes folder/<split>_results.json, and adds the metrics to folder/all_results.json. Throws
// Error.
void save_results(const fs::path& folder, const std::string& split, const Json& metrics);

// Of a run that is over: train_results.json from the row that ended its training, eval_results.json
// from the evaluations of the model that it ends with, which is that of step `step`; what there is
// no row for is not written. `samples`: train_samples, eval_samples, ...
void save_run_results(const fs::path& folder, const TrainerState& state, int64_t step,
                      const Json& samples);

}  // namespace slipway
