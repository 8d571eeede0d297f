// train.fp16: steps whose gradients overflow, what follows of them, and what else sees a scaled
// loss.
#include "base/error.h"
#include "base/files.h"
#include "loop/run_settings.h"
#include "tests/unit/loop/tiny_stage.h"

namespace slipway {
namespace {

// 8 tokens of a step carry loss: gradients of logits are up to an eighth of the scale, and float16
// ends at 65504.
constexpr double kTooLarge = 0x1p22;

class Fp16Stage : public TinyStage {
 public:
  explicit Fp16Stage(const GradScalerSettings& settings_of_scaler = {})
      : own_scaler(settings_of_scaler) {
    settings.rounding = Rounding::kFloat16;
    scaler = &own_scaler;
  }
  GradScaler own_scaler;
};

TEST(Fp16, AStageStaysCloseToFloat32) {
  TinyStage whole;
  Fp16Stage rounded;
  const at::Tensor start = whole.weights();
  whole.train({}, 16), rounded.train({}, 16);
  ASSERT_EQ(rounded.reports.size(), 8u);
  for (size_t i = 0; i < whole.reports.size(); ++i) {
    EXPECT_FALSE(rounded.reports[i].overflowed);
    EXPECT_EQ(rounded.reports[i].updates, whole.reports[i].updates);
  }
  const StageDistance off = distance(whole, rounded, start);
  std::printf(
      "float16, 8 steps: loss differs by %.3g, gradient norm by %.3g, weights by %.3g of their "
      "way\n",
      off.loss, off.norm, off.weights);
  EXPECT_GT(off.weights, 0);
  EXPECT_LT(off.loss, 0.001);
  EXPECT_LT(off.norm, 0.01);
  EXPECT_LT(off.weights, 0.02);
}

TEST(Fp16, AStepThatOverflowsIsCountedAndChangesNothing) {
  Fp16Stage tiny({.init_scale = kTooLarge, .backoff_factor = 1.0 / 64});
  tiny.settings.schedule = "linear";
  const at::Tensor start = tiny.weights();
  tiny.train({}, 2);
  ASSERT_EQ(tiny.reports.size(), 1u);
  EXPECT_TRUE(tiny.reports[0].overflowed);
  EXPECT_TRUE(std::isfinite(tiny.reports[0].loss));
  EXPECT_FALSE(std::isfinite(tiny.reports[0].grad_norm));
  EXPECT_EQ(tiny.reports[0].learning_rate, tiny.settings.learning_rate);
  EXPECT_EQ(tiny.reports[0].updates, 0);
  EXPECT_EQ(tiny.state.global_step, 1);
  EXPECT_EQ(tiny.optimizer.step_count(), 0);
  EXPECT_TRUE(tiny.weights().equal(start));
  EXPECT_EQ(tiny.own_scaler.scale(), kTooLarge / 64);
}

// What comes after it is as if it had not been, but that its examples are gone.
TEST(Fp16, TheScheduleAndTheOptimizerDoNotSeeIt) {
  Fp16Stage tiny({.init_scale = kTooLarge, .backoff_factor = 1.0 / 64});
  tiny.settings.schedule = "linear";
  tiny.train({}, 8);
  ASSERT_EQ(tiny.reports.size(), 4u);
  EXPECT_EQ(tiny.optimizer.step_count(), 3);
  const auto schedule = stage_schedule(tiny.settings, 4);
  for (int64_t i = 1; i < 4; ++i) {
    EXPECT_FALSE(tiny.reports[static_cast<size_t>(i)].overflowed);
    EXPECT_EQ(tiny.reports[static_cast<size_t>(i)].updates, i);
    EXPECT_EQ(tiny.reports[static_cast<size_t>(i)].learning_rate, schedule->at(i - 1));
  }
}

TEST(Fp16, AResumedStageGoesOnWithTheSameBits) {
  const GradScalerSettings growing{.init_scale = kTooLarge,
                                   .growth_factor = 64,
                                   .backoff_factor = 1.0 / 64,
                                   .growth_interval = 2};
  Fp16Stage whole(growing), first(growing), second(growing);
  for (Fp16Stage* each : {&whole, &first, &second}) each->settings.schedule = "linear";
  whole.train({}, 16);
  first.settings.max_steps = 5, first.settings.schedule_steps = 8;
  first.train({}, 16);
  {
    const at::NoGradGuard no_grad;
    for (size_t g = 0; g < first.model.parameters().groups().size(); ++g)
      second.model.parameters().groups()[g].weights.copy_(
          first.model.parameters().groups()[g].weights);
    for (size_t s = 0; s < first.optimizer.slots().size(); ++s)
      for (size_t b = 0; b < first.optimizer.slots()[s].buffers.size(); ++b)
        second.optimizer.slots()[s].buffers[b].copy_(first.optimizer.slots()[s].buffers[b]);
  }
  second.optimizer.restore_step_count(first.optimizer.step_count());
  EXPECT_TRUE(second.own_scaler.restore_torch(first.own_scaler.torch_state(), "state").empty());
  second.settings.passed_over = 5 - first.reports.back().updates;
  second.train({}, 16, 5);
  EXPECT_TRUE(second.weights().equal(whole.weights()));
  EXPECT_EQ(second.own_scaler.scale(), whole.own_scaler.scale());
  std::string skipped;
  for (const StepReport& report : whole.reports) skipped += report.overflowed ? 'x' : '.';
  EXPECT_EQ(skipped, "x..x..x.");
}

TEST(Fp16, AnOverflowAtTheLeastScaleEndsTheRun) {
  Fp16Stage tiny({.init_scale = kTooLarge, .min_loss_scale = kTooLarge});
  const at::Tensor start = tiny.weights();
  try {
    tiny.train({}, 2);
    FAIL() << "nothing was thrown";
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("step 1: gradients overflow with a loss scale of 4194304"),
              std::string::npos)
        << e.what();
  }
  EXPECT_TRUE(tiny.weights().equal(start));
}

// From the block "fp16" to the scale of each step (tests/parity/record_deepspeed_scaler.py).
TEST(Fp16, ScalesAreDeepspeedsStepByStep) {
  const Json record =
      parse_json(read_file("tests/parity/data/deepspeed_scaler.json"), "deepspeed_scaler.json");
  size_t steps = 0;
  for (const Json& each : record.at("cases")) {
    Json block = each.at("fp16");
    block["enabled"] = true;
    GradScaler scaler(scaler_settings(
        load_run_config("tests/e2e/tiny_sft.toml",
                        {"train.deepspeed='" + Json{{"fp16", block}}.dump() + "'"}, nullptr)));
    const auto pattern = each.at("pattern").get<std::string>();
    const Json& scales = each.at("scales");
    for (size_t i = 0; i < scales.size(); ++i, ++steps) {
      EXPECT_EQ(scaler.update(pattern[i] == 'x'), !scales[i].is_null()) << block << ", step " << i;
      if (scales[i].is_null()) continue;
      EXPECT_EQ(scaler.scale(), scales[i].get<double>()) << block << ", step " << i;
    }
  }
  EXPECT_EQ(steps, 108u);
  std::printf("%d steps: every scale is DeepSpeed's\n", static_cast<int>(steps));
}

// One that is not scaled by 1 differs by float16's rounding of gradients alone.
TEST(Fp16, AScaleThatStaysAtOneIsNone) {
  TinyStage whole;
  Fp16Stage unscaled({.loss_scale = 1}), scaled({.loss_scale = 1024});
  const at::Tensor start = whole.weights();
  whole.train({}, 16), unscaled.train({}, 16), scaled.train({}, 16);
  const StageDistance to_float32 = distance(whole, unscaled, start),
                      to_scaled = distance(scaled, unscaled, start);
  std::printf(
      "float16 with a scale of 1, 8 steps: loss differs from float32's by %.3g, weights by %.3g "
      "of their way; from those with a scale of 1024 by %.3g and %.3g\n",
      to_float32.loss, to_float32.weights, to_scaled.loss, to_scaled.weights);
  EXPECT_EQ(unscaled.own_scaler.scale(), 1);
  EXPECT_EQ(scaled.own_scaler.scale(), 1024);
  EXPECT_LT(to_float32.loss, 0.001);
  EXPECT_LT(to_float32.weights, 0.02);
  EXPECT_LT(to_scaled.loss, 0.001);
  EXPECT_LT(to_scaled.weights, 0.02);
}

TEST(Fp16, AScaleThatStaysSkipsWhatOverflows) {
  Fp16Stage tiny({.loss_scale = kTooLarge});
  const at::Tensor start = tiny.weights();
  tiny.train({}, 8);
  ASSERT_EQ(tiny.reports.size(), 4u);
  for (const StepReport& report : tiny.reports) {
    EXPECT_TRUE(report.overflowed);
    EXPECT_EQ(report.updates, 0);
  }
  EXPECT_EQ(tiny.own_scaler.scale(), kTooLarge);
  EXPECT_EQ(tiny.optimizer.step_count(), 0);
  EXPECT_TRUE(tiny.weights().equal(start));
}

// A sum over the gradients of the first parameter, as a callback found them.
double gradients_told_of(TinyStage& tiny) {
  const std::vector<std::string> lines = said_by("org.test.steer", [&] {
    std::vector<CallbackPlugin> callbacks;
    callbacks.push_back(tiny.callback("steer", "what = \"look\""));
    tiny.train(std::move(callbacks), 2);
  });
  double weights = 0, gradients = 0;
  const size_t at = lines.empty() ? std::string::npos : lines[0].find("plain ");
  if (at == std::string::npos ||
      std::sscanf(lines[0].c_str() + at, "plain %lf %lf", &weights, &gradients) != 2)
    ADD_FAILURE() << "nothing was told of gradients";
  return gradients;
}

TEST(Fp16, CallbacksSeeGradientsWithoutTheScale) {
  TinyStage whole;
  Fp16Stage rounded;
  EXPECT_NEAR(gradients_told_of(rounded) / gradients_told_of(whole), 1, 0.01);
}

TEST(Fp16, TheScalersTableIsRead) {
  const auto asked = [](const std::string& table) {
    return scaler_settings(
        load_run_config("tests/e2e/tiny_sft.toml", {"train.grad_scaler_kwargs=" + table}, nullptr));
  };
  EXPECT_EQ(asked("{}").init_scale, 65536);
  EXPECT_EQ(asked("{}").growth_interval, 2000);
  const GradScalerSettings all = asked(
      "{ init_scale = 8, growth_factor = 3.0, backoff_factor = 0.25, growth_interval = 7, "
      "hysteresis = 2, min_loss_scale = 0.5 }");
  EXPECT_EQ(all.init_scale, 8);
  EXPECT_EQ(all.growth_factor, 3);
  EXPECT_EQ(all.backoff_factor, 0.25);
  EXPECT_EQ(all.growth_interval, 7);
  EXPECT_EQ(all.hysteresis, 2);
  EXPECT_EQ(all.min_loss_scale, 0.5);
  const GradScalerSettings deepspeeds =
      asked("{ loss_scale_window = 9, consecutive_hysteresis = true, hysteresis = 2 }");
  EXPECT_EQ(deepspeeds.loss_scale_window, 9);
  EXPECT_TRUE(deepspeeds.consecutive_hysteresis);
  EXPECT_EQ(asked("{ loss_scale = 128 }").loss_scale, 128);
  EXPECT_THROW(asked("{ growth_interval = 1.5 }"), Error);
  EXPECT_THROW(asked("{ consecutive_hysteresis = 1 }"), Error);
  EXPECT_THROW(asked("{ loss_scale = 128, growth_factor = 4.0 }"), Error);
  EXPECT_THROW(asked("{ growth_interval = 9, loss_scale_window = 9 }"), Error);
  EXPECT_THROW(asked("{ init_scal = 8 }"), Error);
}

}  // namespace
}  // namespace slipway
