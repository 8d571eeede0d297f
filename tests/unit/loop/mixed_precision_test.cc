// train.bf16: what a stage of training differs by from float32, by every kernel, and that it is on
// only where it is fast.
#include "compute/measure.h"
#include "loop/run_settings.h"
#include "operators/rounding_scope.h"
#include "tests/unit/kernels/cpu/emulated_bf16.h"
#include "tests/unit/loop/tiny_model.h"
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

// The bounds that docs/structure.md names; narrow heads attend in float32, wide ones in bfloat16.
TEST_P(MixedPrecision, AStageStaysCloseToFloat32) {
  for (const int64_t head_width : {4, 32}) {
    TinyStage whole(head_width), rounded(head_width);
    const at::Tensor start = whole.weights();
    rounded.settings.rounding = Rounding::kBfloat16;
    whole.train({}, 16), rounded.train({}, 16);
    ASSERT_EQ(whole.reports.size(), 8u);
    ASSERT_EQ(rounded.reports.size(), 8u);
    const StageDistance off = distance(whole, rounded, start);
    std::printf(
        "%s, heads of %lld, 8 steps: loss differs by %.3g, gradient norm by %.3g, weights by %.3g "
        "of their way\n",
        GetParam(), static_cast<long long>(head_width), off.loss, off.norm, off.weights);
    EXPECT_GT(off.weights, 0);
    EXPECT_LT(off.loss, 0.005);
    EXPECT_LT(off.norm, 0.05);
    EXPECT_LT(off.weights, 0.1);
  }
}

// Float32 weights are the masters of DeepSpeed's bf16 and of FSDP's param_dtype: what products meet
// are those rounded to bfloat16, bit for bit. Norms and rows of the embedding are read as they are;
// there these peers round, too.
TEST_P(MixedPrecision, ProductsMeetWeightsOfBfloat16) {
  const auto rounded = [](bool norms_and_embedding) {
    auto out = std::make_unique<TinyModel>();
    const at::NoGradGuard no_grad;
    FlatParameters& parameters = out->model.parameters();
    for (size_t p = 0; p < parameters.specs().size(); ++p) {
      at::Tensor weight = parameters.tensor(p);
      const bool of_products = weight.dim() == 2 && parameters.specs()[p].segment > 0 &&
                               parameters.specs()[p].tied_to < 0;
      if (of_products || norms_and_embedding) weight.copy_(weight.to(at::kBFloat16));
    }
    return out;
  };
  const std::vector<Example> examples = tiny_examples();
  const PackedBatch batch = pack(pointers(examples));
  TinyModel masters;
  const ProductRoundingScope products(Rounding::kBfloat16);
  double loss = 0, same = 0, all = 0;
  const at::Tensor expected = masters.gradients_of(batch, {}, &loss);
  EXPECT_TRUE(rounded(false)->gradients_of(batch, {}, &same).equal(expected));
  EXPECT_EQ(same, loss);
  const at::Tensor theirs = rounded(true)->gradients_of(batch, {}, &all);
  const double apart = (theirs - expected).norm().item<double>() / expected.norm().item<double>();
  std::printf(
      "%s: with norms and embedding of bfloat16 too the loss is %.3g apart, gradients %.3g\n",
      GetParam(), std::abs(all - loss) / loss, apart);
  EXPECT_LT(std::abs(all - loss) / loss, 0.005);
  EXPECT_LT(apart, 0.05);
}

INSTANTIATE_TEST_SUITE_P(Sets, MixedPrecision,
                         testing::Values("amx", "avx512_bf16", "emulated_amx",
                                         "emulated_avx512_bf16", "portable"),
                         [](const auto& set) { return std::string(set.param); });

TEST(MixedPrecisionSettings, OnlyWhereItIsFast) {
  const auto asked = [](const std::vector<std::string>& overrides) {
    return stage_settings(load_run_config("tests/e2e/tiny_sft.toml", overrides, nullptr)).rounding;
  };
  {
    const Bf16KernelScope slow("portable");
    EXPECT_EQ(asked({"train.bf16=true"}), Rounding::kNone);
    EXPECT_EQ(asked({}), Rounding::kNone);
  }
  const Bf16KernelScope fast("emulated_amx");
  EXPECT_EQ(asked({"train.bf16=true"}), Rounding::kBfloat16);
  EXPECT_EQ(asked({}), Rounding::kNone);
}

// Forward, backward and head reach the kernel: all three products of all eight matrices, tied head
// included. Heads this narrow attend in float32.
TEST(MixedPrecisionSettings, EveryProductOfAStepIsRounded) {
  const Bf16KernelScope kernel("emulated_amx");
  const ThreadCountScope one(1);  // the emulator counts by thread
  TinyStage tiny;
  int64_t before = emulated_amx_products();
  tiny.train({}, 2);
  EXPECT_EQ(emulated_amx_products(), before);
  tiny.settings.rounding = Rounding::kBfloat16;
  tiny.state.global_step = 0;
  tiny.train({}, 2);
  // q k v o gate up down, head: 16 columns, 8 to 12 wide, 10 tokens at most. Each product is one
  // tile row by two tiles of columns.
  EXPECT_EQ(emulated_amx_products() - before, 3 * 8 * 2);
}

}  // namespace
}  // namespace slipway
