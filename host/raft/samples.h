// Answers as files and loggers have them.
#pragma once
#include <span>
#include <string>
#include <vector>

#include "plugin/logger.h"
#include "raft/rewards.h"
#include "raft/select.h"

namespace slipway {

// A row of JSON as a line of samples/; text that is no UTF-8 is made so.
std::string sample_line(const Json& row);

// A row of samples/iteration-NNNN.jsonl.
Json sample_row(const std::string& prompt, const Answer& answer,
                const std::vector<RewardLabel>& labels);

// The first `most` answers that are kept, for loggers: with several rewards each in a column of its
// own, and the columns that plugins gave. prompts[i]: the text of the i-th prompt.
SampleTable kept_samples(std::span<const std::string* const> prompts,
                         const std::vector<Answer>& answers, const std::vector<RewardLabel>& labels,
                         size_t most);
// The same as Markdown, a line each.
std::string samples_markdown(const SampleTable& table);

}  // namespace slipway
