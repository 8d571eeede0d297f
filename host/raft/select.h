// Choosing, from scored answers, those that are trained on.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "base/json.h"

namespace slipway {

struct Answer {
  size_t prompt = 0;  // index into the iteration's prompts
  int sample = 0;
  std::vector<int32_t> ids;
  std::string text;
  bool finished = false;
  double reward = 0;   // as the reward plugins gave it; NaN: none has an opinion on it
  double ranking = 0;  // what the selection goes by: reward, less the KL term
  bool discarded = false;
  bool kept = false;
  double logprob = 0;               // of the whole answer, under the model that drew it
  double kl = 0;                    // log p - log p0 of it, where the ranking has a KL term
  std::vector<double> scores = {};  // what every reward gave, NaN: no opinion
  Json columns = Json::object();    // what plugins gave beside it
};

// A rule by which answers are never kept: "empty" (nothing but white space), "unfinished" (cut by
// the length limit), "contains:TEXT", "shorter:N" (characters). Throws Error on anything else.
class DiscardRule {
 public:
  explicit DiscardRule(const std::string& source);
  bool applies(const Answer& answer) const;

 private:
  enum class Kind { kEmpty, kUnfinished, kContains, kShorter } kind_;
  std::string text_;
  size_t length_ = 0;
};

struct SelectionSettings {
  bool local = true;    // the best of each prompt's answers; else the best of all
  double keep = 0.125;  // share of all answers, when not local
  std::vector<DiscardRule> discard;
};

// Answers that are kept of `samples` to each of `prompts` prompts where no rule discards any; rules
// make them fewer.
size_t kept_at_most(const SelectionSettings& settings, size_t prompts, size_t samples);

// Marks `discarded` and `kept`; returns the indices of what is kept, by prompt when local, else
// best first. Equals go to the earlier answer. An answer without a ranking (NaN) is no candidate. A
// prompt without a candidate gives nothing.
std::vector<size_t> select_answers(std::vector<Answer>& answers, const SelectionSettings& settings);

}  // namespace slipway
