// Dealing out, drawing, scoring, gathering.
#include "raft/answers.h"

#include <algorithm>
#include <numeric>

#include "loop/gathered_json.h"

namespace slipway {
namespace {

// Exact, texts of any bytes and NaN included.
Json packed_answers(const std::vector<Answer>& answers) {
  Json out = Json::array();
  for (const Answer& a : answers)
    out.push_back({a.prompt, a.sample, a.ids, a.text, a.finished, a.reward, a.ranking, a.logprob,
                   a.kl, a.scores, a.columns});
  return out;
}

void add_unpacked(const Json& packed, std::vector<Answer>& to) {
  for (const Json& row : packed) {
    Answer& a = to.emplace_back();
    row.at(0).get_to(a.prompt);
    row.at(1).get_to(a.sample);
    row.at(2).get_to(a.ids);
    row.at(3).get_to(a.text);
    row.at(4).get_to(a.finished);
    row.at(5).get_to(a.reward);
    row.at(6).get_to(a.ranking);
    row.at(7).get_to(a.logprob);
    row.at(8).get_to(a.kl);
    row.at(9).get_to(a.scores);
    a.columns = row.at(10);
  }
}

}  // namespace

std::vector<size_t> prompts_of_rank(std::span<const Prompt* const> prompts, int64_t rank,
                                    int64_t ranks, int64_t most_drawn) {
  std::vector<size_t> order(prompts.size());
  std::iota(order.begin(), order.end(), size_t{0});
  if (ranks == 1) return order;
  std::ranges::stable_sort(order, std::greater<>(),
                           [&](size_t i) { return prompts[i]->ids.size(); });
  // Longest first to whoever has least (Graham, "Bounds on multiprocessing timing anomalies",
  // 1969).
  std::vector<int64_t> tokens(static_cast<size_t>(ranks), 0);
  std::vector<size_t> out;
  for (const size_t i : order) {
    const auto least = std::ranges::min_element(tokens);
    *least += static_cast<int64_t>(prompts[i]->ids.size()) + most_drawn;
    if (least - tokens.begin() == rank) out.push_back(i);
  }
  std::ranges::sort(out);
  return out;
}

ScoreTable scores_of(const std::vector<Answer>& answers) {
  ScoreTable out;
  for (const Answer& answer : answers) out.push_back(answer.scores);
  return out;
}

std::vector<ScoredRow> scored_rows(const Prompt& prompt, std::span<const Completion> completions,
                                   const Tokenizer& tokenizer, int64_t group,
                                   const StopStrings* stop) {
  std::vector<ScoredRow> rows;
  for (const Completion& c : completions)
    rows.push_back({prompt.text, answer_text(tokenizer, prompt.ids, c.ids, stop), prompt.ids, c.ids,
                    group, c.finished, &prompt.columns});
  return rows;
}

AnswerRound::AnswerRound(RankGroup& ranks, std::span<const Prompt* const> prompts,
                         const Tokenizer& tokenizer, Scorer::Score score,
                         const GenerationSettings& generation, int samples)
    : ranks_(ranks),
      prompts_(prompts),
      tokenizer_(tokenizer),
      generation_(generation),
      samples_(samples),
      mine_(prompts_of_rank(prompts, ranks.rank(), ranks.world(),
                            generation.max_new_tokens * samples)),
      scorer_(mine_.size(), std::move(score)) {}

void AnswerRound::sample(Model& model,
                         const std::function<bool(const GenerationProgress&)>& on_progress) {
  std::vector<GenerationRequest> requests;
  for (const size_t prompt : mine_)
    requests.push_back({prompts_[prompt]->ids, static_cast<uint32_t>(prompt), samples_});
  const auto submit = [&](size_t request, std::span<const Completion> completions) {
    const size_t prompt = mine_[request];
    scorer_.submit(request, scored_rows(*prompts_[prompt], completions, tokenizer_,
                                        static_cast<int64_t>(prompt), generation_.stop.get()));
  };
  if (!requests.empty())
    completions_ = generate(model, requests, generation_, {on_progress, submit});
  for (const Completion& c : completions_) tokens_ += static_cast<int64_t>(c.ids.size());
}

void AnswerRound::score(const std::function<void(size_t done, size_t all)>& waiting) {
  Scored scored = scorer_.finish([&](size_t rows) {
    if (waiting) waiting(rows, completions_.size());
  });
  for (size_t i = 0; i < completions_.size(); ++i) {
    Completion& c = completions_[i];
    Answer& answer = own_.emplace_back();
    answer.prompt = mine_[c.request];
    answer.sample = c.sample;
    answer.ids = std::move(c.ids);
    answer.text = std::move(scored.rows[i].completion);
    answer.finished = c.finished;
    answer.reward = answer.ranking = scored.rewards[i];
    answer.scores = scored.each[i];
    answer.columns = std::move(scored.columns[i]);
    for (const float logprob : c.logprobs) answer.logprob += static_cast<double>(logprob);
  }
  completions_.clear();
}

std::vector<Answer> AnswerRound::gathered() {
  if (ranks_.is_alone()) return std::move(own_);
  std::vector<Answer> out;
  for (const Json& each : gathered_json(ranks_, packed_answers(own_), "the answers"))
    add_unpacked(each, out);
  std::ranges::sort(out, {}, [](const Answer& a) { return std::pair(a.prompt, a.sample); });
  return out;
}

}  // namespace slipway
