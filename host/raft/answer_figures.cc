// Means and shares of answers.
#include "raft/answer_figures.h"

#include <cmath>

#include "raft/diversity.h"
#include "raft/rewards.h"

namespace slipway {

Json answer_figures(const std::vector<Answer>& answers) {
  std::vector<double> all, first, chosen;
  std::vector<std::vector<int32_t>> ids;
  double cut = 0, tokens = 0, discarded = 0, unscored = 0;
  for (const Answer& a : answers) {
    all.push_back(a.reward);
    if (a.sample == 0) first.push_back(a.reward);
    if (a.kept) chosen.push_back(a.reward);
    ids.push_back(a.ids);
    tokens += static_cast<double>(a.ids.size());
    cut += a.finished ? 0 : 1;
    discarded += a.discarded ? 1 : 0;
    unscored += std::isnan(a.reward) ? 1 : 0;
  }
  const auto n = static_cast<double>(answers.size());
  const Moments reward = moments_of(all);
  return {{"reward_mean", reward.mean},
          {"reward_std", reward.std},
          {"policy_reward", moments_of(first).mean},
          {"selected_reward", moments_of(chosen).mean},
          {"distinct_1", distinct_n(ids, 1)},
          {"distinct_2", distinct_n(ids, 2)},
          {"mean_length", tokens / n},
          {"cut_share", cut / n},
          {"discarded_share", discarded / n},
          {"unscored_share", unscored / n},
          {"selected", chosen.size()}};
}

}  // namespace slipway
