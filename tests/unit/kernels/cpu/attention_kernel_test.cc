// Attention against its definition in float64: runs beyond a tile of keys and a block, trees, every
// instruction set; the same bits for any number of threads and in any company.
#include "kernels/cpu/attention_kernel.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>

#include "compute/measure.h"
#include "compute/parallel.h"
#include "tests/unit/kernels/cpu/attention_definition.h"

namespace slipway {
namespace {

class AttentionSets : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (!gemm::use(GetParam())) GTEST_SKIP() << "skipped: no " << GetParam() << " here";
  }
  void TearDown() override {
    for (const char* set : {"avx512", "avx2", "plain"})
      if (gemm::use(set)) break;
  }
};

TEST_P(AttentionSets, EqualsItsDefinition) {
  // Sequences around a vector, a block of queries, a tile of keys, and several of each; a prefix of
  // more than a block with runs of many lengths, none among them; wide heads, and one of one value.
  Batch batches[] = {
      Batch({{{{0, 1}}}, {{{1, 17}}}, {{{18, 49}}}, {{{67, 193}}}, {{{260, 257}}}, {{{517, 700}}}},
            1217),
      Batch({{{{0, 300}, {300, 5}, {305, 0}, {305, 210}, {515, 70}}}, {{{585, 3}, {588, 9}}}}, 597),
      Batch({{{{0, 220}}}}, 220, 4, 4, 64), Batch({{{{0, 270}}}}, 270, 2, 1, 130),
      Batch({{{{0, 60}}}}, 60, 3, 1, 1)};
  for (Batch& batch : batches) {
    batch.compute();
    const Definition definition(batch);
    std::printf("%s, %lld tokens: largest difference %.3g\n", GetParam(),
                static_cast<long long>(batch.in.tokens), definition.largest());
    EXPECT_LT(definition.largest(), Definition::kSums);
  }
}

TEST_P(AttentionSets, WindowsAndSoftcapsEqualTheirDefinition) {
  // Windows of one key, within a block, around a tile of keys, and wider than every sequence; over
  // prefixes that some answers see in part and others no more.
  const Batch plain({{{{0, 1}}}, {{{1, 49}}}, {{{50, 700}}}}, 750),
      shared({{{{0, 300}, {300, 5}, {305, 0}, {305, 410}}}, {{{715, 3}, {718, 9}}}}, 727),
      wide({{{{0, 270}}}}, 270, 2, 1, 256);
  for (const Batch* batch : {&plain, &shared, &wide})
    for (const int64_t window : {1, 7, 191, 193, 400, 5000})
      for (const float softcap : {0.0f, 1.5f}) {
        Batch windowed = batch->with(softcap, window);
        windowed.compute();
        const Definition definition(windowed);
        std::printf("%s, %lld tokens, window %lld, softcap %g: largest difference %.3g\n",
                    GetParam(), static_cast<long long>(windowed.in.tokens),
                    static_cast<long long>(window), static_cast<double>(softcap),
                    definition.largest());
        EXPECT_LT(definition.largest(), Definition::kSums);
      }
  Batch capped = shared.with(0.7f, 0);
  capped.compute();
  EXPECT_LT(Definition(capped).largest(), Definition::kSums);
}

TEST_P(AttentionSets, ASequenceComesToTheSameBitsInAnyCompany) {
  Batch alone({{{{0, 450}, {450, 60}}}}, 510), among = alone;
  among.trees = {{{{510, 40}}}, alone.trees[0], {{{550, 800}}}};
  const Batch others({}, 1350);
  among.in.tokens = 1350;
  among.qkv.insert(among.qkv.end(), others.qkv.begin() + 510 * others.row, others.qkv.end());
  among.d_out.insert(among.d_out.end(), others.d_out.begin(), others.d_out.begin() + 840 * 6 * 20);
  alone.compute();
  among.compute();
  EXPECT_TRUE(begins_with(among.out, alone.out));
  EXPECT_TRUE(begins_with(among.lse, alone.lse));
  EXPECT_TRUE(begins_with(among.d_qkv, alone.d_qkv));
}

INSTANTIATE_TEST_SUITE_P(Sets, AttentionSets, testing::Values("avx512", "avx2", "plain"),
                         [](const auto& set) { return std::string(set.param); });

// In processes of their own: the team is made once, by the first who needs it.
TEST(AttentionDeathTest, AnyNumberOfThreadsGivesTheSameBits) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  for (const int many : {2, 64}) {
    const auto same = [&] {
      const ThreadCountScope threads(many);
      if (parallel_threads() != many) return 2;
      Batch batch({{{{0, 1000}}}, {{{1000, 200}, {1200, 30}, {1230, 30}}}}, 1260);
      batch.compute();
      const std::vector<float> out = batch.out, lse = batch.lse, d_qkv = batch.d_qkv;
      const ThreadCountScope one(1);
      batch.compute();
      if (out != batch.out || lse != batch.lse || d_qkv != batch.d_qkv) return 3;
      std::fputs("the same bits\n", stderr);
      return 0;
    };
    EXPECT_EXIT(std::_Exit(same()), testing::ExitedWithCode(0), "the same bits") << many;
  }
}

}  // namespace
}  // namespace slipway
