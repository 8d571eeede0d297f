// Supervised fine-tuning: one stage over a dataset, with evaluation and checkpoints.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "loop/run.h"

namespace slipway {

struct SftData {
  std::vector<Example> train, eval;
};

// Tokenizes rows as [data] says: prompt and completion one after the other, loss on the completion, end-of-text appended.
// What was dropped or cut is told to the log. Examples borrow their rows' columns.
std::vector<Example> examples_of(const std::vector<Row>& rows, const RunConfig& config, const Tokenizer& tokenizer);

// Trains to the end, or throws: Interrupted after a signal, Error on failure. `checkpoint`: where to go on from. Returns
// why it ended: "completed", "stopped: ...".
std::string run_sft(Run& run, const SftData& data, const std::optional<fs::path>& checkpoint);

}  // namespace slipway
