// train.bf16: what a stage of training differs by from float32, by every kernel, and that it is on
// only where it is fast.
#include "compute/measure.h"
#include "loop/run_settings.h"
#include "tests/unit/kernels/cpu/emulated_bf16.h"
#include "tests/unit/loop/tiny_stage.h"

namespace slipway {
namespace {

class MixedPrecision : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (!use_bf16_kernel(GetParam())) GTEST_SKIP() << "skipped: no " << GetParam() << " here";
  }
  void TearDown() override { use_own_bf16_kernel(); }
};

// The bounds that docs/structure.md names.
TEST_P(MixedPrecision, AStageStaysCloseToFloat32) {
  TinyStage whole, rounded;
  const at::Tensor start = whole.weights();
  rounded.settings.bf16 = true;
  whole.train({}, 16), rounded.train({}, 16);
  ASSERT_EQ(whole.reports.size(), 8u);
  ASSERT_EQ(rounded.reports.size(), 8u);
  double loss_off = 0, norm_off = 0;
  for (size_t i = 0; i < whole.reports.size(); ++i) {
    loss_off = std::max(loss_off, std::abs(rounded.reports[i].loss - whole.reports[i].loss) /
                                      whole.reports[i].loss);
    norm_off =
        std::max(norm_off, std::abs(rounded.reports[i].grad_norm - whole.reports[i].grad_norm) /
                               whole.reports[i].grad_norm);
  }
  const double moved = (whole.weights() - start).norm().item<double>(),
               apart = (whole.weights() - rounded.weights()).norm().item<double>();
  std::printf(
      "%s, 8 steps: loss differs by %.3g, gradient norm by %.3g, weights by %.3g of their way\n",
      GetParam(), loss_off, norm_off, apart / moved);
  EXPECT_GT(apart, 0);
  EXPECT_LT(loss_off, 0.005);
  EXPECT_LT(norm_off, 0.05);
  EXPECT_LT(apart / moved, 0.1);
}

INSTANTIATE_TEST_SUITE_P(Sets, MixedPrecision,
                         testing::Values("amx", "avx512_bf16", "emulated_amx",
                                         "emulated_avx512_bf16", "portable"),
                         [](const auto& set) { return std::string(set.param); });

TEST(MixedPrecisionSettings, OnlyWhereItIsFast) {
  const auto asked = [](const std::vector<std::string>& overrides) {
    return stage_settings(load_run_config("tests/e2e/tiny_sft.toml", overrides, nullptr)).bf16;
  };
  {
    const Bf16KernelScope slow("portable");
    EXPECT_FALSE(asked({"train.bf16=true"}));
    EXPECT_FALSE(asked({}));
  }
  const Bf16KernelScope fast("emulated_amx");
  EXPECT_TRUE(asked({"train.bf16=true"}));
  EXPECT_FALSE(asked({}));
}

// Forward, backward and head reach the kernel: all three products of all eight matrices, tied head
// included.
TEST(MixedPrecisionSettings, EveryProductOfAStepIsRounded) {
  const Bf16KernelScope kernel("emulated_amx");
  const ThreadCountScope one(1);  // the emulator counts by thread
  TinyStage tiny;
  int64_t before = emulated_amx_products();
  tiny.train({}, 2);
  EXPECT_EQ(emulated_amx_products(), before);
  tiny.settings.bf16 = true;
  tiny.state.global_step = 0;
  tiny.train({}, 2);
  // q k v o gate up down, head: 16 columns, 8 to 12 wide, 10 tokens at most. Each product is one
  // tile row by two tiles of columns.
  EXPECT_EQ(emulated_amx_products() - before, 3 * 8 * 2);
}

}  // namespace
}  // namespace slipway
