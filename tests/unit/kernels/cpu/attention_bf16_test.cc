// Attention with products in bfloat16, by this processor's kernels and by those that run on
// emulated instructions: each value within what rounding may do to it; scores stay float32; the
// same bits in any company.
#include "kernels/cpu/attention_bf16.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <string>

#include "tests/unit/kernels/cpu/attention_definition.h"
#include "tests/unit/kernels/cpu/emulated_bf16.h"

namespace slipway {
namespace {

class RoundedAttention : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (!use_bf16_kernel(GetParam())) GTEST_SKIP() << "skipped: no " << GetParam() << " here";
  }
  void TearDown() override { use_own_bf16_kernel(); }

  void is_within_rounding(const Batch& of) {
    Batch batch = of.rounded();
    batch.compute();
    const Definition definition(batch);
    std::printf(
        "%s, %lld tokens, window %lld, softcap %g: largest difference %.3g, %.3g of what "
        "rounding may do\n",
        GetParam(), static_cast<long long>(batch.in.tokens),
        static_cast<long long>(batch.in.scores.window),
        static_cast<double>(batch.in.scores.softcap), definition.largest(),
        definition.largest_part());
    EXPECT_LT(definition.largest_part(), 1.0);
    EXPECT_GT(definition.largest(), 1e-5) << "nothing was rounded";
  }
};

TEST_P(RoundedAttention, IsWithinRoundingOfItsDefinition) {
  // Sequences around a pair, a panel, a block of queries, a tile of keys, and several of each; a
  // prefix of more than a block with runs of many lengths, none among them; heads narrower than a
  // panel, of two panels and of no whole number of them.
  is_within_rounding(Batch({{{{0, 1}}},
                            {{{1, 2}}},
                            {{{3, 17}}},
                            {{{20, 33}}},
                            {{{53, 193}}},
                            {{{246, 257}}},
                            {{{503, 700}}}},
                           1203));
  is_within_rounding(Batch(
      {{{{0, 300}, {300, 5}, {305, 0}, {305, 210}, {515, 70}}}, {{{585, 3}, {588, 9}}}}, 597));
  is_within_rounding(Batch({{{{0, 220}}}}, 220, 4, 4, 64));
  is_within_rounding(Batch({{{{0, 270}}}}, 270, 2, 1, 130));
  is_within_rounding(Batch({{{{0, 60}}}}, 60, 3, 1, 1));
}

TEST_P(RoundedAttention, WindowsAndSoftcapsAreWithinRoundingOfTheirDefinition) {
  const Batch shared({{{{0, 300}, {300, 5}, {305, 0}, {305, 410}}}, {{{715, 3}, {718, 9}}}}, 727);
  for (const int64_t window : {7, 193})
    for (const float softcap : {0.0f, 1.5f}) is_within_rounding(shared.with(softcap, window));
  is_within_rounding(shared.with(0.7f, 0));
}

// Columns beyond the last key have scores of 0. Where the sum of exponentials is so small that
// exp(0 - lse) is infinite, they must not reach the gradients.
TEST_P(RoundedAttention, ColumnsWithoutAKeyStayOutHoweverLowTheScoresAre) {
  Batch batch = Batch({{{{0, 300}, {300, 50}}}}, 350).rounded();
  const int64_t queries = batch.in.heads * batch.in.width,
                keys = batch.in.kv_heads * batch.in.width;
  for (int64_t t = 0; t < batch.in.tokens; ++t) {
    float* const row = batch.qkv.data() + t * batch.row;
    // each key scores so that the log of the sum over keys 0 to t is -89
    const double score = -89 - std::log(static_cast<double>(t + 1));
    const auto q = static_cast<float>(score / std::sqrt(static_cast<double>(batch.in.width)));
    std::fill_n(row, queries, from_bfloat16(to_bfloat16(q)));
    std::fill_n(row + queries, keys, 1.0f);
  }
  batch.compute();
  const Definition definition(batch);
  std::printf("%s: largest difference %.3g, %.3g of what rounding may do\n", GetParam(),
              definition.largest(), definition.largest_part());
  EXPECT_NEAR(batch.lse[320 * 6], -89, 0.4);
  // sums of scores this large lose more than float32's kSums
  EXPECT_LT(definition.largest_part(), 10.0);
}

TEST_P(RoundedAttention, ASequenceComesToTheSameBitsInAnyCompany) {
  Batch alone = Batch({{{{0, 450}, {450, 60}}}}, 510).rounded(),
        among = Batch({{{{510, 40}}}, alone.trees[0], {{{550, 200}}}}, 750).rounded();
  std::copy(alone.qkv.begin(), alone.qkv.end(), among.qkv.begin());
  std::copy(alone.d_out.begin(), alone.d_out.end(), among.d_out.begin());
  alone.compute();
  among.compute();
  EXPECT_TRUE(begins_with(among.out, alone.out));
  EXPECT_TRUE(begins_with(among.lse, alone.lse));
  EXPECT_TRUE(begins_with(among.d_qkv, alone.d_qkv));
}

// Where products round: heads of 32 and more, no narrower ones; elsewhere none.
TEST(RoundedAttentionChoice, GoesByTheRoundingOfProductsAndTheWidthOfHeads) {
  for (const int64_t width : {16, 31, 32, 64}) {
    Batch rounded = Batch({{{{0, 40}}}}, 40, 2, 1, width).rounded(), chosen = rounded;
    chosen.is_rounded = false;
    Batch plain = chosen;
    plain.compute();
    rounded.compute();
    product_rounding = Rounding::kBfloat16;
    chosen.compute();
    product_rounding = Rounding::kNone;
    const Batch& expected = width < 32 ? plain : rounded;
    EXPECT_NE(plain.out, rounded.out) << width;
    EXPECT_EQ(chosen.out, expected.out) << width;
    EXPECT_EQ(chosen.d_qkv, expected.d_qkv) << width;
  }
}

INSTANTIATE_TEST_SUITE_P(Kernels, RoundedAttention,
                         testing::Values("amx", "avx512_bf16", "emulated_amx",
                                         "emulated_avx512_bf16", "portable"),
                         [](const auto& kernel) { return std::string(kernel.param); });

}  // namespace
}  // namespace slipway
