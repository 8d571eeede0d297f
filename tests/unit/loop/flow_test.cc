// What is due when, and which model is the best, as the Hugging Face Trainer's flow has it.
#include "loop/flow.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "base/error.h"
#include "config/schema.h"
#include "config/toml.h"
#include "slipway/callback.h"

namespace slipway {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

RunConfig config_of(const std::string& train, const std::string& algorithm = "sft") {
  RunConfig out;
  out.raft = algorithm == "raft";
  out.resolved = check_run_file(
      parse_toml(
          fmt::format(
              "[run]\nalgorithm = \"{}\"\noutput_dir = \"x\"\n[data]\ntrain = [\"t\"]\n[train]\n{}",
              algorithm, train),
          "run.toml"),
      nullptr);
  return out;
}

// The steps of `max_steps` after which `what` is due.
std::vector<int64_t> due(const Flow& flow, uint32_t what, int64_t max_steps) {
  std::vector<int64_t> out;
  for (int64_t step = 1; step <= max_steps; ++step)
    if ((due_after_step(flow, step, max_steps) & what) != 0) out.push_back(step);
  return out;
}

TEST(Flow, GoesByStepsAndEndsWithAnEvaluationAndASave) {
  const Flow flow = flow_of(config_of("logging_steps = 4\neval_strategy = \"steps\"\nsave_steps = "
                                      "5\neval_delay = 6\nlogging_first_step = true"),
                            11);
  EXPECT_THAT(due(flow, SLW_DO_LOG, 11), ElementsAre(1, 4, 8));
  // every logging_steps, not before eval_delay
  EXPECT_THAT(due(flow, SLW_DO_EVALUATE, 11), ElementsAre(8, 11));
  EXPECT_THAT(due(flow, SLW_DO_SAVE, 11), ElementsAre(5, 10, 11));
}

TEST(Flow, CountsWhatIsStillDue) {
  for (const char* train :
       {"eval_strategy = \"steps\"\neval_steps = 4\nsave_steps = 5\neval_delay = 6",
        "eval_strategy = \"steps\"\neval_steps = 3\nsave_strategy = \"no\"",
        "eval_strategy = \"steps\"\neval_steps = 4\nsave_steps = 50\neval_delay = 8"})
    for (const int64_t max_steps : {11, 12, 13, 60}) {
      const Flow flow = flow_of(config_of(train), max_steps);
      for (int64_t step = 0; step <= max_steps; ++step)
        for (const uint32_t what : {SLW_DO_EVALUATE, SLW_DO_SAVE}) {
          const std::vector<int64_t> all = due(flow, what, max_steps);
          EXPECT_EQ(still_due(flow, what, {step, max_steps, 0, 1}),
                    std::ranges::count_if(all, [&](int64_t each) { return each > step; }))
              << train << ", step " << step << " of " << max_steps;
        }
    }
}

TEST(Flow, CountsEpochsThatAreStillDue) {
  const Flow flow = flow_of(
      config_of("eval_strategy = \"epoch\"\nsave_strategy = \"epoch\"\neval_delay = 2"), 100);
  EXPECT_EQ(still_due(flow, SLW_DO_SAVE, {10, 100, 1, 4}), 3);
  EXPECT_EQ(still_due(flow, SLW_DO_SAVE, {100, 100, 4, 4}), 0);
  EXPECT_EQ(still_due(flow, SLW_DO_EVALUATE, {0, 100, 0, 4}), 3) << "not after the first";
  EXPECT_EQ(still_due(flow, SLW_DO_EVALUATE, {90, 100, 3, 4}), 1);
  EXPECT_EQ(still_due(flow, SLW_DO_EVALUATE, {0, 100, 0, 0}), std::nullopt) << "of a stream";
  const Flow best = flow_of(config_of("eval_strategy = \"epoch\"\nsave_strategy = \"best\""), 100);
  EXPECT_EQ(still_due(best, SLW_DO_SAVE, {0, 100, 0, 4}), std::nullopt);
}

TEST(Flow, TheStepOfTheDelayIsLateEnough) {
  const Flow flow =
      flow_of(config_of("eval_strategy = \"steps\"\neval_steps = 4\neval_delay = 8"), 13);
  EXPECT_THAT(due(flow, SLW_DO_EVALUATE, 13), ElementsAre(8, 12, 13));
}

TEST(Flow, BelowOneAnIntervalIsAShareOfAllSteps) {
  const Flow flow = flow_of(
      config_of(
          "logging_steps = 0.1\neval_steps = 0.5\nsave_steps = 0.25\neval_strategy = \"steps\""),
      37);
  EXPECT_EQ(flow.logging_steps, 4);
  EXPECT_EQ(flow.eval_steps, 19);
  EXPECT_EQ(flow.save_steps, 10);
}

TEST(Flow, GoesByEpochs) {
  const Flow flow = flow_of(config_of("logging_strategy = \"epoch\"\neval_strategy = "
                                      "\"epoch\"\nsave_strategy = \"epoch\"\neval_delay = 2"),
                            10);
  EXPECT_TRUE(due(flow, SLW_DO_LOG | SLW_DO_EVALUATE | SLW_DO_SAVE, 10).empty());
  EXPECT_EQ(due_after_epoch(flow, 1), SLW_DO_LOG | SLW_DO_SAVE);
  EXPECT_EQ(due_after_epoch(flow, 2), SLW_DO_LOG | SLW_DO_SAVE | SLW_DO_EVALUATE);
  EXPECT_EQ(due_after_epoch(
                flow_of(config_of("logging_strategy = \"no\"\nsave_strategy = \"no\""), 10), 1),
            0u);
}

TEST(Flow, KeepsTheBest) {
  const Flow flow = flow_of(
      config_of(
          "load_best_model_at_end = true\neval_strategy = \"epoch\"\nsave_strategy = \"epoch\""),
      10);
  EXPECT_EQ(flow.best_metric, "eval_loss");
  EXPECT_FALSE(flow.greater_is_better);
  TrainerState state;
  state.global_step = 3;
  EXPECT_TRUE(judge(flow, {{"eval_loss", 2.0}}, state));
  state.global_step = 6;
  EXPECT_FALSE(judge(flow, {{"eval_loss", 2.0}}, state));  // as good is not better
  EXPECT_EQ(state.best_global_step, 3);
  EXPECT_TRUE(judge(flow, {{"eval_loss", 1.5}}, state));
  EXPECT_EQ(state.best_global_step, 6);
  EXPECT_EQ(state.best_metric, 1.5);
  EXPECT_THROW(judge(flow, {{"eval_accuracy", 1.5}}, state), Error);
  TrainerState other;
  EXPECT_FALSE(judge(flow_of(config_of(""), 10), {{"eval_loss", 2.0}}, other));
  EXPECT_FALSE(other.best_metric.has_value());
  EXPECT_TRUE(flow_of(config_of("metric_for_best_model = \"accuracy\""), 10).greater_is_better);
  EXPECT_FALSE(
      flow_of(config_of("metric_for_best_model = \"accuracy\"\ngreater_is_better = false"), 10)
          .greater_is_better);
  EXPECT_EQ(flow_of(config_of("metric_for_best_model = \"eval_accuracy\""), 10).best_metric,
            "eval_accuracy");
}

TEST(Flow, NamesWhatCannotBeHad) {
  EXPECT_THAT(flow_faults(config_of("")), ElementsAre());
  EXPECT_THAT(flow_faults(config_of("logging_steps = 2.5")),
              ElementsAre("run.toml:7: train.logging_steps: 2.5 is neither a whole number of steps "
                          "nor a share of them below 1"));
  EXPECT_THAT(
      flow_faults(config_of("logging_steps = 0")),
      ElementsAre(HasSubstr("must be over 0; to log nothing, set logging_strategy = \"no\"")));
  EXPECT_THAT(flow_faults(config_of("load_best_model_at_end = true")),
              ElementsAre(HasSubstr("needs evaluations: set eval_strategy")));
  EXPECT_THAT(flow_faults(config_of("load_best_model_at_end = true\neval_strategy = \"epoch\"")),
              ElementsAre(HasSubstr("save_strategy is \"steps\" and eval_strategy \"epoch\"")));
  EXPECT_THAT(flow_faults(config_of(
                  "load_best_model_at_end = true\neval_strategy = \"steps\"\neval_steps = 200")),
              ElementsAre(HasSubstr("save_steps = 500 must be a multiple of eval_steps = 200")));
  EXPECT_THAT(flow_faults(config_of("load_best_model_at_end = true\neval_strategy = "
                                    "\"steps\"\neval_steps = 0.1\nsave_steps = 0.3")),
              ElementsAre());
  EXPECT_THAT(
      flow_faults(config_of(
          "load_best_model_at_end = true\neval_strategy = \"steps\"\nsave_strategy = \"best\"")),
      ElementsAre());
  EXPECT_THAT(flow_faults(config_of("save_strategy = \"best\"")),
              ElementsAre(HasSubstr("\"best\" goes by evaluations")));
  EXPECT_THAT(
      flow_faults(config_of("metric_for_best_model = \"acuracy\"")),
      ElementsAre(HasSubstr("an evaluation has no metric \"eval_acuracy\"; there is: eval_loss")));
  EXPECT_THAT(flow_faults(config_of("load_best_model_at_end = true", "raft")),
              ElementsAre(HasSubstr("see raft.eval_every and raft.min_distinct_2")));
}

TEST(Flow, TheBestGoesByTheLossOfANamedSetOrByAPluginsMetric) {
  RunConfig c = config_of(
      "metric_for_best_model = \"news_loss\"\neval_strategy = \"epoch\"\nsave_strategy = "
      "\"epoch\"\nload_best_model_at_end = true");
  EXPECT_THAT(flow_faults(c),
              ElementsAre(HasSubstr("no metric \"eval_news_loss\"; there is: eval_loss")));
  c.eval_sets = {{"news", {}}, {"notes", {}}};
  EXPECT_THAT(flow_faults(c), ElementsAre());
  EXPECT_EQ(flow_of(c, 10).best_metric, "eval_news_loss");
  EXPECT_FALSE(flow_of(c, 10).greater_is_better);
  c.resolved["train"]["metric_for_best_model"] = Value::of(std::string());
  EXPECT_THAT(
      flow_faults(c),
      ElementsAre(HasSubstr("no metric \"eval_loss\"; there is: eval_news_loss, eval_notes_loss")));
  c.resolved["train"]["metric_for_best_model"] = Value::of(std::string("news_accuracy"));
  c.metrics.emplace_back();
  EXPECT_THAT(flow_faults(c), ElementsAre());  // which names a plugin gives is seen when it does
  TrainerState state;
  EXPECT_THAT(
      [&] { judge(flow_of(c, 10), {{"eval_news_loss", 1.0}, {"event", "evaluate"}}, state); },
      testing::ThrowsMessage<Error>(
          HasSubstr("no metric \"eval_news_accuracy\", which train.metric_for_best_model names; "
                    "there is: eval_news_loss")));
}

}  // namespace
}  // namespace slipway
