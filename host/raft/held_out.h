// The held-out evaluation: one answer for each prompt that training never sees, drawn with the same
// numbers every time.
#pragma once
#include <functional>
#include <span>
#include <vector>

#include "generate/generate.h"
#include "loop/run.h"
#include "raft/raft.h"
#include "raft/rewards.h"

namespace slipway {

// How a run's answers are drawn; weights are float32, the iteration is the caller's.
GenerationSettings generation_settings(const RunConfig& config, const Tokenizer& tokenizer);

struct HeldOutMeasures {
  // PREFIX_reward, PREFIX_reward_std, PREFIX_rewards/NAME/mean, PREFIX_distinct_1, ...
  Json metrics;
  std::string samples;  // lines of JSON, an answer each
  double reward = 0;    // NaN: no reward has an opinion on any answer
  double distinct_2 = 0;
  std::vector<int64_t> opinions;  // of each reward
};
// One answer of each prompt, drawn with the same numbers every time, and what it earns: shared by
// `ranks`, and the same on each. [loop]
HeldOutMeasures measure_held_out(RankGroup& ranks, Model& model, const Tokenizer& tokenizer,
                                 std::span<const Prompt> prompts,
                                 const std::vector<RewardPlugin>& rewards,
                                 const GenerationSettings& generation, int64_t step,
                                 const std::string& prefix,
                                 const std::function<bool(const GenerationProgress&)>& on_progress);

struct HeldOutResult {
  double reward = 0, distinct_2 = 0;
  std::vector<int64_t> opinions;  // of each reward
};
// The same of a run: logs an "evaluate" row and writes samples/eval-<iteration>.jsonl. [loop]
HeldOutResult evaluate_held_out(Run& run, std::span<const Prompt> prompts,
                                const std::vector<RewardPlugin>& rewards,
                                const GenerationSettings& generation, int64_t iteration,
                                const std::function<bool(const GenerationProgress&)>& on_progress);

}  // namespace slipway
