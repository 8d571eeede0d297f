// Held-out evaluation.
#include "raft/held_out.h"

#include <cmath>

#include "loop/stop_together.h"
#include "raft/answers.h"
#include "raft/diversity.h"
#include "raft/samples.h"

namespace slipway {

GenerationSettings generation_settings(const RunConfig& c, const Tokenizer& tokenizer) {
  GenerationSettings out;
  out.sampling = {c.number("generation", "temperature"), c.integer("generation", "top_k"),
                  c.number("generation", "top_p"), c.number("generation", "min_p")};
  out.rules = {c.number("generation", "repetition_penalty"),
               c.integer("generation", "min_new_tokens")};
  out.stop = stop_strings(tokenizer, c.texts("generation", "stop"));
  out.max_new_tokens = c.integer("generation", "max_new_tokens");
  out.max_rows = c.integer("generation", "max_rows");
  out.seed = static_cast<uint64_t>(c.integer("train", "seed"));
  out.stop_tokens = tokenizer.ends;
  return out;
}

HeldOutMeasures measure_held_out(
    RankGroup& ranks, Model& model, const Tokenizer& tokenizer, std::span<const Prompt> prompts,
    const std::vector<RewardPlugin>& rewards, const GenerationSettings& generation, int64_t step,
    const std::string& prefix, const std::function<bool(const GenerationProgress&)>& on_progress) {
  GenerationSettings settings = generation;
  settings.iteration = 0xFFFFFFFF;  // no training iteration draws with this key
  std::vector<const Prompt*> asked;
  for (const Prompt& prompt : prompts) asked.push_back(&prompt);
  AnswerRound round(ranks, asked, tokenizer, scoring(rewards, step, true), settings, 1);
  const WholeWeights whole(model);
  stop_together(ranks, [&] {
    round.sample(model, on_progress);
    round.score([&](size_t, size_t all) {
      const auto rows = static_cast<int64_t>(all);
      // it may throw: somebody asked to stop
      if (on_progress) (void)on_progress({round.tokens(), rows, rows});
    });
  });
  const std::vector<Answer> answers = round.gathered();
  const std::vector<RewardLabel> labels = reward_labels(rewards);
  const ScoreTable each = scores_of(answers);
  std::vector<std::vector<int32_t>> ids;
  std::vector<double> earned;
  double cut = 0, tokens = 0, unscored = 0;
  HeldOutMeasures out;
  for (const Answer& a : answers) {
    ids.push_back(a.ids);
    earned.push_back(a.reward);
    cut += a.finished ? 0 : 1;
    tokens += static_cast<double>(a.ids.size());
    unscored += std::isnan(a.reward) ? 1 : 0;
    Json row = {{"prompt", asked[a.prompt]->text},
                {"completion", a.text},
                {"reward", a.reward},
                {"rewards", named_scores(labels, a.scores)}};
    if (!a.columns.empty()) row["columns"] = a.columns;
    out.samples += sample_line(row);
  }
  const Moments reward = moments_of(earned);
  const double n = static_cast<double>(answers.size());
  out.reward = reward.mean;
  out.distinct_2 = distinct_n(ids, 2);
  out.opinions = opinions_of(labels.size(), each);
  const std::string p = prefix + "_";
  out.metrics = {{p + "reward", reward.mean},
                 {p + "reward_std", reward.std},
                 {p + "distinct_1", distinct_n(ids, 1)},
                 {p + "distinct_2", out.distinct_2},
                 {p + "mean_length", tokens / n},
                 {p + "cut_share", cut / n},
                 {p + "unscored_share", unscored / n}};
  out.metrics.update(reward_figures(labels, each, p));
  out.metrics.update(reported_by(ranks, rewards, p));
  return out;
}

HeldOutResult evaluate_held_out(Run& run, std::span<const Prompt> prompts,
                                const std::vector<RewardPlugin>& rewards,
                                const GenerationSettings& generation, int64_t iteration,
                                const std::function<bool(const GenerationProgress&)>& on_progress) {
  const double begin = run.seconds();
  // until there is something to train on
  run.model.packed_weights().borrow(run.model.parameters().lend_grads());
  HeldOutMeasures measured;
  {
    const EvaluationReports reports(run.reports);
    measured = measure_held_out(run.ranks, run.model, run.tokenizer, prompts, rewards, generation,
                                run.state.global_step, "eval", on_progress);
  }
  if (run.ranks.leads())
    write_file_durably(
        run.config.output_dir / "samples" / fmt::format("eval-{:04}.jsonl", iteration),
        measured.samples);
  Json row = {{"event", "evaluate"}};
  row.update(measured.metrics);
  row.update(run.reported_in_evaluation("eval"));
  row["eval_runtime"] = run.seconds() - begin;
  run.log(row);
  return {measured.reward, measured.distinct_2, measured.opinions};
}

}  // namespace slipway
