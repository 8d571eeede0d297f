// Several rewards as one number a row, and what each of them said.
#pragma once
#include <span>
#include <string>
#include <vector>

#include "dist/rank_group.h"
#include "plugin/reward.h"
#include "raft/scorer.h"

namespace slipway {

struct RewardLabel {
  std::string name;    // in rows and samples
  std::string plugin;  // its id
};
// One for each number of Scores::each, in their order.
std::vector<RewardLabel> reward_labels(const std::vector<RewardPlugin>& rewards);

// All rewards for each row: the weighted sum of those that have an opinion, NaN where none has.
Scorer::Score scoring(const std::vector<RewardPlugin>& rewards, int64_t step, bool evaluation);

// Mean and standard deviation (population) of the values that are not NaN; NaN where there is none.
struct Moments {
  double mean, std;
};
Moments moments_of(std::span<const double> values);

using ScoreTable = std::vector<std::vector<double>>;  // [row][reward], NaN: no opinion

// "PREFIXrewards/NAME/mean" and ".../std" of each reward, over the rows that it has an opinion on.
Json reward_figures(const std::vector<RewardLabel>& labels, const ScoreTable& each,
                    const std::string& prefix);
// {"NAME": score} of a row; null is "no opinion".
Json named_scores(const std::vector<RewardLabel>& labels, const std::vector<double>& scores);

// On how many rows each reward has an opinion.
std::vector<int64_t> opinions_of(size_t rewards, const ScoreTable& each);
// Warns of every reward that has none; `where` is what was scored, "iteration 3".
void warn_of_silence(const std::vector<RewardLabel>& labels, const std::vector<int64_t>& opinions,
                     size_t rows, const std::string& where);
// Throws Error naming the first reward that had none of all that was scored since the run began.
void refuse_silence(const std::vector<RewardLabel>& labels, const std::vector<int64_t>& opinions);

// What the rewards reported through slipway.host.metrics/1 since the last call, as
// PREFIXNAME/scalar, on all ranks together. [loop]
Json reported_by(RankGroup& ranks, const std::vector<RewardPlugin>& rewards,
                 const std::string& prefix);

}  // namespace slipway
