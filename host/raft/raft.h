// Reward-ranked fine-tuning (Dong et al., "RAFT: Reward rAnked FineTuning for generative foundation
// model alignment", 2023): sample K answers for each prompt, score them, keep the best, fine-tune
// on those, repeat.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "generate/generate.h"
#include "loop/run.h"
#include "plugin/reward.h"
#include "text/token_check.h"

namespace slipway {

struct Prompt {
  std::string text;
  std::vector<int32_t> ids;
  Json columns = Json::object();  // whatever else its row had; rewards see it
};

struct RaftData {
  std::vector<Prompt> train, eval;  // eval: held out, may be empty
  Json files = Json::object();      // what was read (data/data_files.h), for checkpoints
};

// Tokenizes the rows' prompts as the beginnings of texts, and of conversations as what an assistant
// goes on from (loop/conversations.h); those over data.max_prompt_tokens are
// dropped with a count, empty ones too. `set` is the rows' name in messages. Throws Error when none
// is left, and naming the row that has a token which the model does not know.
std::vector<Prompt> prompts_of(const std::vector<Row>& rows, const RunConfig& config,
                               const Tokenizer& tokenizer, const ModelLimits& limits = {},
                               const std::string& set = "data.train");

// Iterates to the end, or throws: Interrupted after a signal, Error on failure. `checkpoint`: where
// to go on from. Returns why it ended: "completed", "stopped: ...". The same seed and data give the
// same weights, however often it was stopped.
std::string run_raft(Run& run, const RaftData& data, const std::vector<RewardPlugin>& rewards,
                     const std::optional<fs::path>& checkpoint);

}  // namespace slipway
