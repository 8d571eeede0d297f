// What an iteration's row says of its answers.
#pragma once
#include <vector>

#include "base/json.h"
#include "raft/select.h"

namespace slipway {

// Of scored and selected answers: reward_mean, reward_std, policy_reward (over each prompt's first
// answer), selected_reward, distinct_1, distinct_2, mean_length, and the shares that were cut,
// discarded and left without a reward. Means of rewards are over the answers that have one, NaN
// where none has.
Json answer_figures(const std::vector<Answer>& answers);

}  // namespace slipway
