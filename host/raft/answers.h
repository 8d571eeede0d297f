// Answers to many prompts, drawn and scored by all ranks: each takes some of the prompts, and in
// the end every rank has all answers.
#pragma once
#include <functional>
#include <span>
#include <vector>

#include "dist/rank_group.h"
#include "generate/generate.h"
#include "raft/raft.h"
#include "raft/rewards.h"
#include "raft/scorer.h"
#include "raft/select.h"

namespace slipway {

// Which prompts a rank answers, of prompts that are the same on all, in ascending order: about as
// many tokens each, by the prompts' lengths and the most that may be drawn.
std::vector<size_t> prompts_of_rank(std::span<const Prompt* const> prompts, int64_t rank,
                                    int64_t ranks, int64_t most_drawn);

class AnswerRound {
 public:
  // `prompts`: of all ranks; they, `model` and `tokenizer` outlive this. `score`: scoring().
  AnswerRound(RankGroup& ranks, std::span<const Prompt* const> prompts, const Tokenizer& tokenizer,
              Scorer::Score score, const GenerationSettings& generation, int samples);

  // Draws `samples` answers to each prompt of this rank; those of finished prompts are scored
  // meanwhile. What a prompt's answers are depends neither on the rank nor on their number. [loop]
  void sample(Model& model, const std::function<bool(const GenerationProgress&)>& on_progress);
  int64_t tokens() const { return tokens_; }  // drawn by this rank

  // Waits until all are scored; `waiting` as Scorer::finish() has it, with the rows of this rank.
  // [loop]
  void score(const std::function<void(size_t done, size_t all)>& waiting);
  std::vector<Answer>& own() { return own_; }  // from then on

  // The answers of all ranks, by prompt and sample; the same on each. Answer::prompt is the index
  // into `prompts`. [loop]
  std::vector<Answer> gathered();

 private:
  RankGroup& ranks_;
  const std::span<const Prompt* const> prompts_;
  const Tokenizer& tokenizer_;
  const GenerationSettings generation_;
  const int samples_;
  const std::vector<size_t> mine_;
  Scorer scorer_;
  std::vector<Completion> completions_;
  std::vector<Answer> own_;
  int64_t tokens_ = 0;
};

// What each reward gave to each answer.
ScoreTable scores_of(const std::vector<Answer>& answers);

// A prompt's answers as rewards see them, cut before stop strings; `group` is the prompt's number
// among all.
std::vector<ScoredRow> scored_rows(const Prompt& prompt, std::span<const Completion> completions,
                                   const Tokenizer& tokenizer, int64_t group,
                                   const StopStrings* stop = nullptr);

}  // namespace slipway
