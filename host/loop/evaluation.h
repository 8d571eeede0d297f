// Evaluating a model on a set of examples, part by part: the loss by Hugging Face's rule, metrics
// by plugins, and each part's outputs for whoever wants them. The logits of more than kHeadRows
// labels never exist at once.
#pragma once
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/json.h"
#include "data/packing.h"
#include "dist/rank_group.h"
#include "loop/evaluated_part.h"
#include "loop/loss.h"
#include "model/model.h"
#include "plugin/metric.h"

namespace slipway {

struct EvaluationSet {
  std::string name;  // "" = the only one
  std::vector<Example> examples;
};

// "eval", or "eval_news" for the set "news": what the names of its metrics begin with.
std::string metric_prefix(const std::string& split, const EvaluationSet& set);

struct EvaluationHooks {
  bool predictions = false;  // on_part wants them
  // In the set's order. Of several ranks the first one's hears of the parts of all, and so does its
  // on_logits; those of the others, which are set where the first one's are, hear nothing.
  std::function<void(const EvaluatedPart&)> on_part;
  // The logits [n, vocab] of the part's labels from `label` on, before on_part; on the CPU, gone
  // afterwards. Parts of several ranks in no order.
  std::function<void(const EvaluatedPart& part, size_t label, const at::Tensor& logits_NV)>
      on_logits;
  std::function<void()> on_batch;  // after each evaluation batch of this rank
  // after each round of batches, one of each rank: as often on each
  std::function<void()> on_round;
};

struct EvaluationSettings {
  int64_t batch_size = 8;
  // a batch is computed in parts of at most so many tokens, or one example; 0 = whole
  int64_t max_tokens = 0;
  Objective objective;  // what the loss is of
  // batches whose loss is not finite do not count, unless there are no others
  bool leave_out_not_finite = true;
  // processes that take the batches in turn; all of them get the metrics of all
  RankGroup* ranks = &RankGroup::alone();
};

// Metrics under `prefix`: PREFIX_loss, what `metrics` give, PREFIX_runtime and its kin. The loss is
// Hugging Face's: the objective's mean over a batch's label tokens, weighted by the examples of the
// batch. Throws Error when a metric fails, or when two give the same name. [loop]
Json evaluate(Model& model, std::span<const Example> examples, const EvaluationSettings& settings,
              std::span<MetricPlugin> metrics, const std::string& prefix,
              const EvaluationHooks& hooks = {});

}  // namespace slipway
