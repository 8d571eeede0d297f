// Step arithmetic and schedules.
#include "loop/stage.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/nn/utils/clip_grad.h>

#include <cmath>

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

double rate(const StageSettings& s, int64_t step) {
  return stage_schedule(s, 4)->at(step + s.schedule_offset);
}

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
  const LossPlugin steep(
      instance(fixture("token_loss"), parse_toml("what = \"large\"", "test.toml")));
  tiny.settings.objective.plugin = &steep;
  const std::string said = error_of([&] { tiny.train({}, 4); });
  EXPECT_THAT(said, testing::StartsWith("step 1: the loss is 0 and the gradient norm "));
  EXPECT_THAT(said,
              testing::EndsWith("with the loss of plugin org.test.token-loss: the derivatives that "
                                "it gives are too large, or train.learning_rate is"));
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

TEST(Stage, AShareOfWarmUpIsRoundedUp) {
  StageSettings s;
  s.learning_rate = 1;
  s.warmup_steps = 0.3;  // of 5 steps: 1.5, which the Trainer makes 2
  const std::unique_ptr<Schedule> schedule = stage_schedule(s, 5);
  EXPECT_DOUBLE_EQ(schedule->at(1), 0.5);
  EXPECT_DOUBLE_EQ(schedule->at(2), 1);
}

// Where a gradient is about as small as what torch adds to its norm, that shows.
TEST(Stage, SmallGradientsAreClippedAsTorchDoes) {
  const auto moments = [](double clip, double* norm) {
    TinyStage tiny;
    {
      const at::NoGradGuard no_grad;
      for (FlatParameters::Group& group : tiny.model.parameters().groups())
        group.weights.mul_(1e-3);
    }
    tiny.settings.max_grad_norm = clip;
    tiny.train({}, 2);
    if (norm != nullptr) *norm = tiny.reports[0].grad_norm;
    return tiny.first_moments();
  };
  double norm = 0;
  const at::Tensor whole = moments(0, &norm);
  ASSERT_GT(norm, 1e-6);
  ASSERT_LT(norm, 1e-3) << "small enough for 1e-6 to show";
  at::Tensor parameter = at::zeros_like(whole).requires_grad_(true);
  parameter.mutable_grad() = whole * (norm / whole.norm().item<double>());
  torch::nn::utils::clip_grad_norm_(parameter, norm / 2);
  const double expected = parameter.grad().norm().item<double>() / norm,
               clipped =
                   moments(norm / 2, nullptr).norm().item<double>() / whole.norm().item<double>();
  std::printf("norm %.3g clipped to a half: %.6f of it, torch %.6f\n", norm, clipped, expected);
  EXPECT_NEAR(clipped, expected, 2e-6);
  EXPECT_GT(std::abs(expected - 0.5), 1e-4);
}

}  // namespace
}  // namespace slipway
