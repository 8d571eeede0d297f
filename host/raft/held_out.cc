// Held-out evaluation.
#include "raft/held_out.h"

#include <cmath>

#include "raft/diversity.h"

namespace slipway {

Moments moments_of(std::span<const double> values) {
  if (values.empty()) return {};
  double sum = 0, squares = 0;
  for (const double value : values) sum += value;
  const double mean = sum / static_cast<double>(values.size());
  for (const double value : values) squares += (value - mean) * (value - mean);
  return {mean, std::sqrt(squares / static_cast<double>(values.size()))};
}

std::vector<ScoredRow> scored_rows(const Prompt& prompt, std::span<const Completion> completions, const Tokenizer& tokenizer) {
  std::vector<ScoredRow> rows;
  for (const Completion& c : completions)
    rows.push_back({prompt.text, tokenizer.decode(c.ids), prompt.ids, c.ids, static_cast<int64_t>(c.request), c.finished, &prompt.columns});
  return rows;
}

Scorer::Score scoring(const std::vector<RewardPlugin>& rewards, int64_t step, bool evaluation) {
  return [&rewards, step, evaluation](const std::vector<ScoredRow>& rows) {
    std::vector<double> sums(rows.size(), 0.0);
    for (const RewardPlugin& reward : rewards) {
      const std::vector<double> each = reward.score(rows, step, evaluation);
      for (size_t i = 0; i < rows.size(); ++i) sums[i] += each[i];
    }
    return sums;
  };
}

HeldOutResult evaluate_held_out(Run& run, std::span<const Prompt> prompts, const std::vector<RewardPlugin>& rewards,
                                const GenerationSettings& generation, int64_t iteration,
                                const std::function<bool(const GenerationProgress&)>& on_progress) {
  const double begin = run.seconds();
  GenerationSettings settings = generation;
  settings.iteration = 0xFFFFFFFF;  // no training iteration draws with this key
  std::vector<GenerationRequest> requests;
  for (size_t i = 0; i < prompts.size(); ++i) requests.push_back({prompts[i].ids, static_cast<uint32_t>(i), 1});
  Scorer scorer(prompts.size(), scoring(rewards, run.state.global_step, true));
  const auto submit = [&](size_t request, std::span<const Completion> answers) {
    scorer.submit(request, scored_rows(prompts[request], answers, run.tokenizer));
  };
  run.model.packed_weights().borrow(run.model.parameters().lend_grads());  // until there is something to train on
  const std::vector<Completion> completions = generate(run.model, requests, settings, {on_progress, submit});
  const auto [rows, scores] = scorer.finish();
  std::vector<std::vector<int32_t>> ids;
  double cut = 0, tokens = 0;
  for (const Completion& c : completions) {
    ids.push_back(c.ids);
    cut += c.finished ? 0 : 1;
    tokens += static_cast<double>(c.ids.size());
  }
  std::string lines;
  for (size_t i = 0; i < rows.size(); ++i)
    lines += Json{{"prompt", rows[i].prompt}, {"completion", rows[i].completion}, {"reward", scores[i]}}.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
  write_file_durably(run.config.output_dir / "samples" / fmt::format("eval-{:04}.jsonl", iteration), lines);
  const Moments reward = moments_of(scores);
  const double n = static_cast<double>(rows.size());
  HeldOutResult out;
  out.reward = reward.mean;
  out.distinct_2 = distinct_n(ids, 2);
  out.control = run.log({{"event", "evaluate"}, {"eval_reward", reward.mean}, {"eval_reward_std", reward.std},
                         {"eval_distinct_1", distinct_n(ids, 1)}, {"eval_distinct_2", out.distinct_2},
                         {"eval_mean_length", tokens / n}, {"eval_cut_share", cut / n},
                         {"eval_runtime", run.seconds() - begin}});
  return out;
}

}  // namespace slipway
