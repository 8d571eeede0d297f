// Held-out evaluation.
#include "raft/held_out.h"

#include <cmath>

#include "raft/diversity.h"
#include "raft/samples.h"

namespace slipway {

GenerationSettings generation_settings(const RunConfig& c, const Tokenizer& tokenizer) {
  GenerationSettings out;
  out.sampling = {c.number("generation", "temperature"), c.integer("generation", "top_k"),
                  c.number("generation", "top_p")};
  out.max_new_tokens = c.integer("generation", "max_new_tokens");
  out.max_rows = c.integer("generation", "max_rows");
  out.seed = static_cast<uint64_t>(c.integer("train", "seed"));
  out.stop_tokens = tokenizer.ends;
  return out;
}

std::vector<ScoredRow> scored_rows(const Prompt& prompt, std::span<const Completion> completions,
                                   const Tokenizer& tokenizer) {
  std::vector<ScoredRow> rows;
  for (const Completion& c : completions)
    rows.push_back({prompt.text, tokenizer.decode(c.ids), prompt.ids, c.ids,
                    static_cast<int64_t>(c.request), c.finished, &prompt.columns});
  return rows;
}

HeldOutMeasures measure_held_out(
    Model& model, const Tokenizer& tokenizer, std::span<const Prompt> prompts,
    const std::vector<RewardPlugin>& rewards, const GenerationSettings& generation, int64_t step,
    const std::string& prefix, const std::function<bool(const GenerationProgress&)>& on_progress) {
  GenerationSettings settings = generation;
  settings.iteration = 0xFFFFFFFF;  // no training iteration draws with this key
  std::vector<GenerationRequest> requests;
  for (size_t i = 0; i < prompts.size(); ++i)
    requests.push_back({prompts[i].ids, static_cast<uint32_t>(i), 1});
  Scorer scorer(prompts.size(), scoring(rewards, step, true));
  const auto submit = [&](size_t request, std::span<const Completion> answers) {
    scorer.submit(request, scored_rows(prompts[request], answers, tokenizer));
  };
  const std::vector<Completion> completions =
      generate(model, requests, settings, {on_progress, submit});
  GenerationProgress sampled;
  for (const Completion& c : completions) sampled.tokens += static_cast<int64_t>(c.ids.size());
  sampled.rows = sampled.finished_rows = static_cast<int64_t>(completions.size());
  const Scored scored = scorer.finish([&](size_t) {
    if (on_progress) (void)on_progress(sampled);  // it may throw: somebody asked to stop
  });
  const std::vector<RewardLabel> labels = reward_labels(rewards);
  std::vector<std::vector<int32_t>> ids;
  double cut = 0, tokens = 0, unscored = 0;
  for (const Completion& c : completions) {
    ids.push_back(c.ids);
    cut += c.finished ? 0 : 1;
    tokens += static_cast<double>(c.ids.size());
  }
  HeldOutMeasures out;
  for (size_t i = 0; i < scored.rows.size(); ++i) {
    unscored += std::isnan(scored.rewards[i]) ? 1 : 0;
    Json row = {{"prompt", scored.rows[i].prompt},
                {"completion", scored.rows[i].completion},
                {"reward", scored.rewards[i]},
                {"rewards", named_scores(labels, scored.each[i])}};
    if (!scored.columns[i].empty()) row["columns"] = scored.columns[i];
    out.samples += sample_line(row);
  }
  const Moments reward = moments_of(scored.rewards);
  const double n = static_cast<double>(scored.rows.size());
  out.reward = reward.mean;
  out.distinct_2 = distinct_n(ids, 2);
  out.opinions = opinions_of(labels.size(), scored.each);
  const std::string p = prefix + "_";
  out.metrics = {{p + "reward", reward.mean},
                 {p + "reward_std", reward.std},
                 {p + "distinct_1", distinct_n(ids, 1)},
                 {p + "distinct_2", out.distinct_2},
                 {p + "mean_length", tokens / n},
                 {p + "cut_share", cut / n},
                 {p + "unscored_share", unscored / n}};
  out.metrics.update(reward_figures(labels, scored.each, p));
  out.metrics.update(reported_by(rewards, p));
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
    measured = measure_held_out(run.model, run.tokenizer, prompts, rewards, generation,
                                run.state.global_step, "eval", on_progress);
  }
  write_file_durably(run.config.output_dir / "samples" / fmt::format("eval-{:04}.jsonl", iteration),
                     measured.samples);
  Json row = {{"event", "evaluate"}};
  row.update(measured.metrics);
  row.update(run.reported_in_evaluation("eval"));
  row["eval_runtime"] = run.seconds() - begin;
  return {measured.reward, measured.distinct_2, run.log(row), measured.opinions};
}

}  // namespace slipway
