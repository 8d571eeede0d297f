// Evaluation: Hugging Face's weights of batches, parts that change nothing, and what metrics and
// hooks get to see.
#include "loop/evaluation.h"

#include <cmath>

#include "loop/loss.h"
#include "tests/unit/loop/tiny_stage.h"

namespace slipway {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

// Seven examples of uneven lengths; the fourth shares its prompt with the third.
std::vector<Example> uneven() {
  return {{{1, 2, 3, 4, 5, 6, 7}, 2},    {{9, 3}, 1},    {{4, 4, 4, 8, 1}, 3},
          {{4, 4, 4, 2, 2, 2, 9, 9}, 3}, {{1, 2, 3}, 0}, {{7, 7, 7, 7, 7, 7}, 1},
          {{11, 12, 13, 14}, 2}};
}

MetricPlugin bundled_metric(const std::string& name, const std::string& options = "",
                            const std::string& prefix = "") {
  return {instance(fs::path(SLIPWAY_PLUGINS) / (name + ".so"), parse_toml(options, "test.toml")),
          prefix};
}

// Mean over the label tokens of `examples`, computed at once.
double token_mean(Model& model, std::span<const Example> examples) {
  std::vector<const Example*> chosen;
  for (const Example& example : examples) chosen.push_back(&example);
  const PackedBatch batch = pack(chosen);
  return loss_sum(model, batch) / static_cast<double>(batch.targets.size());
}

class Evaluation : public testing::Test {
 protected:
  Json run(std::vector<MetricPlugin> metrics = {}, const EvaluationHooks& hooks = {},
           int64_t max_tokens = 0, int64_t batch = 3) {
    EvaluationSettings settings;
    settings.batch_size = batch;
    settings.max_tokens = max_tokens;
    return evaluate(tiny.model, examples, settings, metrics, "eval", hooks);
  }
  TinyStage tiny;
  std::vector<Example> examples = uneven();
};

TEST_F(Evaluation, ABatchCountsAsOftenAsItHasExamples) {
  const std::span<const Example> all = examples;
  const double expected =
      (3 * token_mean(tiny.model, all.first(3)) + 3 * token_mean(tiny.model, all.subspan(3, 3)) +
       token_mean(tiny.model, all.last(1))) /
      7;
  EXPECT_NEAR(run()["eval_loss"].get<double>(), expected, 1e-6);
  // the other mean is another number
  EXPECT_GT(std::abs(expected - token_mean(tiny.model, all)), 1e-4);
}

TEST_F(Evaluation, PartsOfABatchChangeNothingButRounding) {
  const auto metrics = [] {
    std::vector<MetricPlugin> out;
    for (const char* name : {"accuracy", "exact_match", "perplexity", "f1"})
      out.push_back(bundled_metric(name));
    out.push_back(bundled_metric("accuracy", "top_k = 4", "top_"));
    return out;
  };
  const Json whole = run(metrics());
  for (const int64_t tokens : {1, 7, 12}) {
    const Json parts = run(metrics(), {}, tokens);
    for (const char* name : {"loss", "accuracy", "exact_match", "perplexity", "f1", "top_accuracy"})
      EXPECT_NEAR(parts.at(std::string("eval_") + name).get<double>(),
                  whole.at(std::string("eval_") + name).get<double>(), 1e-5)
          << name << " in parts of " << tokens;
  }
}

TEST_F(Evaluation, PartsAreConsecutiveAndComplete) {
  std::vector<size_t> firsts;
  std::vector<float> logprobs;
  std::vector<int32_t> labels, positions, predictions, best;
  int batches = 0;
  EvaluationHooks hooks;
  hooks.predictions = true;
  hooks.on_logits = [&](const EvaluatedPart&, size_t label, const at::Tensor& logits_NV) {
    EXPECT_EQ(best.size() - predictions.size(), label);
    const at::Tensor most_N = logits_NV.argmax(-1).to(at::kInt);
    best.insert(best.end(), most_N.const_data_ptr<int32_t>(),
                most_N.const_data_ptr<int32_t>() + most_N.numel());
  };
  hooks.on_part = [&](const EvaluatedPart& part) {
    firsts.push_back(part.first);
    ASSERT_EQ(part.offsets.size(), part.examples.size() + 1);
    for (size_t e = 0; e < part.examples.size(); ++e)
      EXPECT_EQ(part.offsets[e + 1] - part.offsets[e], part.examples[e].label_tokens());
    labels.insert(labels.end(), part.labels.begin(), part.labels.end());
    positions.insert(positions.end(), part.positions.begin(), part.positions.end());
    logprobs.insert(logprobs.end(), part.logprobs.begin(), part.logprobs.end());
    predictions.insert(predictions.end(), part.predictions.begin(), part.predictions.end());
  };
  hooks.on_batch = [&] { ++batches; };
  run({}, hooks, 10);
  EXPECT_EQ(batches, 3);
  // of at most ten tokens, never across a batch's end
  EXPECT_THAT(firsts, ElementsAre(0, 2, 3, 4, 6));
  std::vector<int32_t> expected_labels, expected_positions;
  std::vector<const Example*> chosen;
  for (const Example& example : examples) {
    chosen.push_back(&example);
    for (auto i = std::max<int64_t>(1, example.loss_begin);
         i < static_cast<int64_t>(example.ids.size()); ++i) {
      expected_labels.push_back(example.ids[static_cast<size_t>(i)]);
      expected_positions.push_back(static_cast<int32_t>(i));
    }
  }
  EXPECT_EQ(labels, expected_labels);
  EXPECT_EQ(positions, expected_positions);
  EXPECT_EQ(predictions, best);
  const at::Tensor together_N = label_logprobs(tiny.model, pack(chosen));
  ASSERT_EQ(static_cast<int64_t>(logprobs.size()), together_N.numel());
  for (size_t i = 0; i < logprobs.size(); ++i)
    EXPECT_NEAR(logprobs[i], together_N.const_data_ptr<float>()[i], 1e-5);
}

TEST_F(Evaluation, WhatNobodyWantsIsNotComputed) {
  EvaluationHooks hooks;
  hooks.on_part = [](const EvaluatedPart& part) { EXPECT_TRUE(part.predictions.empty()); };
  const Json metrics = run({}, hooks);
  std::vector<std::string> names;
  for (const auto& [name, value] : metrics.items()) names.push_back(name);
  EXPECT_THAT(names, ElementsAre("eval_loss", "eval_runtime", "eval_samples_per_second",
                                 "eval_steps_per_second"));
}

TEST_F(Evaluation, EqualNamesAreRefused) {
  std::vector<MetricPlugin> metrics;
  for (int i = 0; i < 2; ++i) metrics.push_back(bundled_metric("accuracy"));
  EXPECT_THAT(error_of([&] { evaluate(tiny.model, examples, {}, metrics, "eval"); }),
              AllOf(HasSubstr("two metrics of the evaluation are called eval_accuracy"),
                    HasSubstr("write prefix =")));
}

TEST_F(Evaluation, ABatchWithoutALossIsLeftOut) {
  const double before = run({}, {}, 0, 7)["eval_loss"].get<double>();
  examples.push_back({{3}, 0});  // in a batch of its own: no label at all
  EXPECT_DOUBLE_EQ(run({}, {}, 0, 7)["eval_loss"].get<double>(), before);
  examples = {{{3}, 0}};
  EXPECT_TRUE(std::isnan(run()["eval_loss"].get<double>()));
}

TEST(MetricPrefix, CarriesTheSetsName) {
  EXPECT_EQ(metric_prefix("eval", {"", {}}), "eval");
  EXPECT_EQ(metric_prefix("test", {"news", {}}), "test_news");
}

}  // namespace
}  // namespace slipway
