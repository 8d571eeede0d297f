// The charts of a run: which columns of its record make which chart.
#pragma once
#include <string>

#include "record/report/chart.h"
#include "record/report/data.h"

namespace slipway::report {

// Reward of the held-out prompts (with the 95 % interval of its mean), of the policy and of the
// selected samples.
Chart reward_chart(const Record& record);

// The rewards whose means the rows have, as "rewards/NAME/mean" or "eval_rewards/NAME/mean".
std::vector<std::string> reward_names(const Record& record);

// What evaluations of sft measured beside the loss, by [[metric]] plugins: "accuracy", and
// "news_accuracy" of the set "news".
std::vector<std::string> metric_names(const Record& record);

// The share of the first distinct-2 under which the run file says that a run stops; 0: no such
// rule.
double distinct_floor(const Record& record);

// distinct-1 and distinct-2 of the held-out prompts, else of the training samples; the floor, where
// one is set, as a level.
Chart distinct_chart(const Record& record);

// Loss of every logged step, its moving mean when there are many, and the evaluation loss.
Chart loss_chart(const Record& record);

// Every <figure> that the record has data for, in reading order.
std::string figures(const Record& record);

}  // namespace slipway::report
