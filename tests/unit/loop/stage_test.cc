// Step arithmetic and schedules.
#include "loop/stage.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "plugin/loss.h"
#include "tests/unit/loop/tiny_stage.h"

namespace slipway {
namespace {

TEST(Stage, StepsOfAStage) {
  StageSettings s;
  s.batch_size = 4;
  s.num_train_epochs = 2;
  EXPECT_EQ(stage_steps(10, s), 6);  // 3 micro-batches, the last one short
  s.gradient_accumulation_steps = 2;
  EXPECT_EQ(stage_steps(10, s), 4);  // the short group counts
  s.num_train_epochs = 0.5;
  EXPECT_EQ(stage_steps(10, s), 1);
  s.max_steps = 7;
  EXPECT_EQ(stage_steps(10, s), 7);
}

double rate(const StageSettings& s, int64_t step) { return stage_schedule(s, 4)->at(step + s.schedule_offset); }

TEST(Stage, Schedules) {
  StageSettings s;
  s.learning_rate = 1;
  EXPECT_DOUBLE_EQ(rate(s, 0), 1);
  EXPECT_DOUBLE_EQ(rate(s, 3), 0.25);
  s.warmup_steps = 2;
  EXPECT_DOUBLE_EQ(rate(s, 0), 0);
  EXPECT_DOUBLE_EQ(rate(s, 1), 0.5);
  EXPECT_DOUBLE_EQ(rate(s, 2), 1);
  s.warmup_steps = 0.5;  // a share of all steps
  EXPECT_DOUBLE_EQ(rate(s, 1), 0.5);
  s.schedule = "cosine";
  EXPECT_DOUBLE_EQ(rate(s, 3), 0.5);
  s.schedule = "constant";
  EXPECT_DOUBLE_EQ(rate(s, 0), 1);
  s.schedule = "linear";
  s.warmup_steps = 0;
  s.schedule_offset = 4;
  s.schedule_steps = 8;
  EXPECT_DOUBLE_EQ(rate(s, 0), 0.5);
}

TEST(Stage, GradientsBeyondFloatBlameTheLossPlugin) {
  TinyStage tiny;
  const LossPlugin steep(instance(fixture("token_loss"), parse_toml("what = \"large\"", "test.toml")));
  tiny.settings.objective.plugin = &steep;
  const std::string said = error_of([&] { tiny.train({}, 4); });
  EXPECT_THAT(said, testing::StartsWith("step 1: the loss is 0 and the gradient norm "));
  EXPECT_THAT(said, testing::EndsWith("with the loss of plugin org.test.token-loss: the derivatives that it gives are too large, or train.learning_rate is"));
}

TEST(Stage, PartsOfAMicroBatchChangeNothingButRounding) {
  TinyStage whole, parts;
  whole.settings.batch_size = parts.settings.batch_size = 6;
  parts.settings.max_tokens_per_batch = 10;  // two examples of five tokens
  whole.train({}, 12);
  parts.train({}, 12);
  ASSERT_EQ(whole.reports.size(), parts.reports.size());
  for (size_t i = 0; i < whole.reports.size(); ++i) {
    EXPECT_NEAR(whole.reports[i].loss, parts.reports[i].loss, 1e-5);
    EXPECT_EQ(whole.reports[i].tokens, parts.reports[i].tokens);
  }
  // Adam divides by a gradient's own size: where one is nearly nothing, its rounding shows.
  EXPECT_LT((whole.first_moments() - parts.first_moments()).abs().max().item<double>(), 1e-6);
}

}  // namespace
}  // namespace slipway
