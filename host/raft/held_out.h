// The held-out evaluation: one answer for each prompt that training never sees, drawn with the same numbers every time.
#pragma once
#include <functional>
#include <span>
#include <vector>

#include "generate/generate.h"
#include "loop/run.h"
#include "raft/raft.h"
#include "raft/scorer.h"

namespace slipway {

struct HeldOutResult {
  double reward = 0, distinct_2 = 0;
  uint32_t control = 0;  // bits that callbacks set
};

// Samples, scores, logs an "evaluate" row and writes samples/eval-<iteration>.jsonl. [loop]
HeldOutResult evaluate_held_out(Run& run, std::span<const Prompt> prompts, const std::vector<RewardPlugin>& rewards,
                                const GenerationSettings& generation, int64_t iteration,
                                const std::function<bool(const GenerationProgress&)>& on_progress);

// A prompt's answers as rewards see them.
std::vector<ScoredRow> scored_rows(const Prompt& prompt, std::span<const Completion> completions, const Tokenizer& tokenizer);
// The weighted sum of all rewards for each row.
Scorer::Score scoring(const std::vector<RewardPlugin>& rewards, int64_t step, bool evaluation);

// Mean and standard deviation (population).
struct Moments {
  double mean = 0, std = 0;
};
Moments moments_of(std::span<const double> values);

}  // namespace slipway
