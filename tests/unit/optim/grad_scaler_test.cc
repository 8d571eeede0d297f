// The loss scale beside torch.amp.GradScaler's (tests/parity/record_fp16.py) and DeepSpeed's rule.
#include "optim/grad_scaler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/files.h"
#include "base/json.h"
#include "tests/unit/optim/same_files.h"

namespace slipway {
namespace {

const fs::path kFp16Data = "tests/parity/data/fp16";

Json fp16_record() { return parse_json(read_file(kFp16Data / "record.json"), "record.json"); }

TEST(GradScaler, ChangesTheScaleAsTorchDoes) {
  int64_t steps = 0;
  const Json record = fp16_record();
  for (const auto& [name, sequence] : record["sequences"].items()) {
    const Json& given = sequence["settings"];
    GradScalerSettings settings;
    settings.init_scale = given.value("init_scale", settings.init_scale);
    settings.growth_factor = given.value("growth_factor", settings.growth_factor);
    settings.growth_interval = given.value("growth_interval", settings.growth_interval);
    settings.min_loss_scale = 1e-30;
    GradScaler scaler(settings);
    const auto pattern = sequence["pattern"].get<std::string>();
    for (size_t i = 0; i < pattern.size(); ++i, ++steps) {
      ASSERT_TRUE(scaler.update(pattern[i] == 'x'));
      EXPECT_EQ(scaler.scale(), sequence["after"][i][0].get<double>()) << name << ", step " << i;
      EXPECT_EQ(scaler.torch_state().find("_growth_tracker")->integer,
                sequence["after"][i][1].get<int64_t>())
          << name << ", step " << i;
    }
  }
  EXPECT_EQ(steps, 45);
  std::printf("%d steps: every scale is torch's\n", static_cast<int>(steps));
}

TEST(GradScaler, ItsFileIsThePeers) {
  const Json given = fp16_record()["scaler"];
  const GradScalerSettings settings{.init_scale = given["init_scale"].get<double>(),
                                    .growth_factor = given["growth_factor"].get<double>(),
                                    .backoff_factor = given["backoff_factor"].get<double>(),
                                    .growth_interval = given["growth_interval"].get<int64_t>()};
  const fs::path theirs = kFp16Data / "scaler.pt", ours = scratch_folder() / "scaler.pt";
  GradScaler scaler(settings);
  EXPECT_THAT(scaler.restore_torch(TorchFile(theirs).value(), "scaler.pt"), testing::IsEmpty());
  write_torch_file(ours, scaler.torch_state());
  EXPECT_THAT(differences(theirs, ours), testing::IsEmpty());
}

TEST(GradScaler, WhatItsFileSaysOtherwiseIsTold) {
  GradScaler scaler({});
  EXPECT_THAT(scaler.restore_torch(TorchFile(kFp16Data / "scaler.pt").value(), "x/scaler.pt"),
              testing::ElementsAre(
                  "x/scaler.pt: has growth_factor = 64, here it is 2; the run file's is used",
                  "x/scaler.pt: has backoff_factor = 0.015625, here it is 0.5; the run file's is "
                  "used",
                  "x/scaler.pt: has growth_interval = 8, here it is 2000; the run file's is used"));
  EXPECT_THROW((void)scaler.restore_torch(TorchValue::dict(), "scaler.pt"), Error);
  EXPECT_THROW((void)scaler.restore_torch(
                   TorchValue::dict({{"scale", 0.0}, {"_growth_tracker", 1}}), "scaler.pt"),
               Error);
}

// Beside DeepSpeed's steps it is compared in unit.loop (fp16_test.cc).
TEST(GradScaler, BearsAsManyOverflowsAsItsHysteresisSays) {
  GradScaler scaler({.init_scale = 64, .growth_interval = 3, .hysteresis = 2});
  const std::pair<char, double> steps[] = {{'x', 64},  // borne
                                           {'.', 64}, {'x', 32}, {'x', 16}, {'.', 16},
                                           {'.', 16}, {'.', 32},  // grown: one is borne again
                                           {'x', 32}, {'x', 16}};
  for (const auto& [step, expected] : steps) {
    ASSERT_TRUE(scaler.update(step == 'x'));
    EXPECT_EQ(scaler.scale(), expected);
  }
}

TEST(GradScaler, EndsWhereItGetsNoLower) {
  GradScaler scaler({.init_scale = 3, .min_loss_scale = 1});
  EXPECT_TRUE(scaler.update(true));
  EXPECT_EQ(scaler.scale(), 1.5);
  EXPECT_TRUE(scaler.update(true));
  EXPECT_EQ(scaler.scale(), 1);
  EXPECT_FALSE(scaler.update(true));
  EXPECT_EQ(scaler.scale(), 1);
}

// What a count of DeepSpeed's stands at after an overflow is kept, too.
TEST(GradScaler, ACountThatHasNotBegunIsInItsFile) {
  GradScaler first({.init_scale = 8, .loss_scale_window = 2}), second = first;
  EXPECT_TRUE(first.update(true));
  EXPECT_EQ(first.torch_state().find("_growth_tracker")->integer, -1);
  EXPECT_THAT(second.restore_torch(first.torch_state(), "scaler.pt"), testing::IsEmpty());
  for (const double expected : {4, 4, 8}) {
    EXPECT_TRUE(second.update(false));
    EXPECT_EQ(second.scale(), expected);
  }
}

TEST(GradScaler, OneThatStaysTellsOfAnotherScale) {
  GradScaler stays({.loss_scale = 16}), other({.init_scale = 8});
  EXPECT_THAT(stays.restore_torch(GradScaler({.loss_scale = 16}).torch_state(), "scaler.pt"),
              testing::IsEmpty());
  EXPECT_THAT(stays.restore_torch(other.torch_state(), "scaler.pt"),
              testing::ElementsAre("scaler.pt: has a scale of 8, here it stays at 16; the run "
                                   "file's is used"));
  EXPECT_TRUE(stays.update(true));
  EXPECT_EQ(stays.scale(), 16);
}

TEST(GradScaler, RefusesWhatMakesNoSense) {
  EXPECT_THROW(GradScaler({.init_scale = 0}), Error);
  EXPECT_THROW(GradScaler({.growth_factor = 1}), Error);
  EXPECT_THROW(GradScaler({.backoff_factor = 1}), Error);
  EXPECT_THROW(GradScaler({.growth_interval = 0}), Error);
  EXPECT_THROW(GradScaler({.hysteresis = 0}), Error);
  EXPECT_THROW(GradScaler({.min_loss_scale = 0}), Error);
  EXPECT_THROW(GradScaler({.loss_scale_window = -1}), Error);
  EXPECT_THROW(GradScaler({.loss_scale = -8}), Error);
}

}  // namespace
}  // namespace slipway
