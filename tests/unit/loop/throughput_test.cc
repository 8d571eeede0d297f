// Where the time goes, and the figures of it that rows carry.
#include "loop/throughput.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdio>
#include <numeric>

#include "compute/measure.h"
#include "tests/unit/loop/tiny_stage.h"

namespace slipway {
namespace {

double seconds_of(PhaseClock& clock, Phase phase) {
  return clock.seconds()[static_cast<size_t>(phase)];
}

// Works for at least so long.
void work(double seconds) {
  for (const auto begin = std::chrono::steady_clock::now();
       std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count() < seconds;) {
  }
}

TEST(PhaseClock, AnInnerPhaseIsTakenOutOfTheOuterOne) {
  PhaseClock clock;
  {
    const PhaseScope train(&clock, Phase::kTrain);
    work(0.002);
    {
      const PhaseScope forward(&clock, Phase::kForwardBackward);
      EXPECT_TRUE(clock.training());
      work(0.004);
    }
    EXPECT_EQ(clock.current(), Phase::kTrain);
  }
  EXPECT_EQ(clock.current(), Phase::kOther);
  EXPECT_FALSE(clock.training());
  EXPECT_GE(seconds_of(clock, Phase::kTrain), 0.002);
  EXPECT_GE(seconds_of(clock, Phase::kForwardBackward), 0.004);
  const double train = seconds_of(clock, Phase::kTrain);
  work(0.001);
  EXPECT_EQ(seconds_of(clock, Phase::kTrain), train);
  EXPECT_STREQ(phase_name(Phase::kSave), "save");
}

TEST(PhaseClock, CostsLittle) {
  constexpr int kScopes = 200000;
  PhaseClock clock;
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < kScopes; ++i) const PhaseScope phase(&clock, Phase::kOptimizer);
  const double each =
      std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - begin).count() /
      kScopes;
  std::printf("a phase scope: %.0f ns\n", each);
  EXPECT_LT(each, 2000);
}

TEST(Throughput, IsOverTheTimeOfTrainingAlone) {
  PhaseClock clock;
  Throughput throughput(clock, 1e6, false);
  EXPECT_TRUE(throughput.step_figures().empty());
  {
    const PhaseScope evaluate(&clock, Phase::kEvaluate);
    work(0.02);
  }
  {
    const PhaseScope train(&clock, Phase::kTrain);
    const PhaseScope forward(&clock, Phase::kForwardBackward);
    work(0.01);
  }
  throughput.add_step(600);
  throughput.add_step(400);
  const Json row = throughput.step_figures();
  const double forward = seconds_of(clock, Phase::kForwardBackward),
               all = forward + seconds_of(clock, Phase::kTrain);
  EXPECT_GE(forward, 0.01);
  EXPECT_NEAR(row["tokens_per_second"].get<double>(), 1000 / all, 1e-6 / all);
  EXPECT_NEAR(row["share_forward_backward"].get<double>(), forward / all, 1e-9);
  EXPECT_FALSE(row.contains("mfu")) << "nothing is calibrated in a run's first seconds";
  for (const char* key : {"share_forward_backward", "share_optimizer", "share_callbacks"}) {
    EXPECT_GE(row[key].get<double>(), 0) << key;
    EXPECT_LE(row[key].get<double>(), 1) << key;
  }
  const Json iteration = throughput.iteration_figures();
  EXPECT_NEAR(iteration["share_evaluate"].get<double>() / iteration["share_train"].get<double>(),
              seconds_of(clock, Phase::kEvaluate) / all, 1e-6);
  double sum = 0;
  for (const auto& [key, share] : iteration.items()) sum += share.get<double>();
  EXPECT_LE(sum, 1 + 1e-9);
  EXPECT_TRUE(throughput.step_figures().empty()) << "no step since";
}

// Nothing is hidden: what the yardstick says stands in the row, whatever it is.
TEST(Throughput, MfuIsHeldAgainstThePeakOfTheRunsArithmetic) {
  for (const bool bf16 : {false, true}) {
    PhaseClock clock;
    static double seen;
    const auto peak = [](bool rounding, double reached) {
      seen = reached;
      return rounding ? 4e6 : 1e6;
    };
    Throughput throughput(clock, 2e9, bf16, /*calibrate_after=*/0, peak);
    {
      const PhaseScope train(&clock, Phase::kTrain);
      work(0.001);
    }
    throughput.add_step(10);
    const Json figures = throughput.step_figures();
    EXPECT_DOUBLE_EQ(figures["mfu"].get<double>(),
                     figures["tokens_per_second"].get<double>() * 2e9 / (bf16 ? 4e6 : 1e6));
    EXPECT_DOUBLE_EQ(seen, figures["tokens_per_second"].get<double>() * 2e9);
  }
}

TEST(Throughput, MfuIsTheShareOfTheMachinesPeak) {
  PhaseClock clock;
  Throughput throughput(clock, 2e7, false, /*calibrate_after=*/0);
  for (int row = 0; row < 2; ++row) {
    const double before = seconds_of(clock, Phase::kTrain);
    {
      const PhaseScope train(&clock, Phase::kTrain);
      work(0.01);
    }
    const double training = seconds_of(clock, Phase::kTrain) - before;
    throughput.add_step(10);
    const Json figures = throughput.step_figures();
    EXPECT_DOUBLE_EQ(figures["mfu"].get<double>(),
                     figures["tokens_per_second"].get<double>() * 2e7 / machine_peak(false, 0));
    EXPECT_NEAR(figures["tokens_per_second"].get<double>() * training, 10, 1e-6)
        << "calibrating is not training";
  }
}

TEST(Throughput, FrozenWeightsTakeNoGradients) {
  EXPECT_DOUBLE_EQ(forward_passes(FlatParameters({{"a", {3, 2}}, {"n", {4}}})), 3);
  EXPECT_DOUBLE_EQ(forward_passes(FlatParameters({{"a", {3, 2}}, {"frozen", {6, 3}, false}})),
                   2.25);
}

TEST(Throughput, AStageCountsItsParts) {
  TinyStage tiny;
  PhaseClock clock;
  std::vector<CallbackPlugin> callbacks;
  callbacks.push_back(tiny.callback("steer", "what = \"nothing\""));
  Events events(std::move(callbacks), tiny.state, tiny.access, &clock);
  std::vector<Example> examples(64, Example{{1, 2, 9, 4, 3}, 1});
  StageHooks hooks;
  hooks.events = &events;
  hooks.clock = &clock;
  hooks.on_step = [](const StepReport&) { return 0u; };
  {
    const PhaseScope train(&clock, Phase::kTrain);
    train_stage(tiny.model, tiny.optimizer,
                *stage_schedule(tiny.settings, stage_steps(examples.size(), tiny.settings)),
                examples, tiny.settings, 0, hooks);
  }
  for (const Phase phase :
       {Phase::kTrain, Phase::kForwardBackward, Phase::kOptimizer, Phase::kCallbacks})
    EXPECT_GT(seconds_of(clock, phase), 0) << phase_name(phase);
  const double other = seconds_of(clock, Phase::kOther),
               callbacks_took = seconds_of(clock, Phase::kCallbacks);
  {
    const PhaseScope save(&clock, Phase::kSave);
    events.tell(SLW_ON_PRE_OPTIMIZER_STEP);
  }
  EXPECT_EQ(seconds_of(clock, Phase::kCallbacks), callbacks_took)
      << "what callbacks do while saving is saving's";
  EXPECT_GE(seconds_of(clock, Phase::kOther), other);
}

}  // namespace
}  // namespace slipway
