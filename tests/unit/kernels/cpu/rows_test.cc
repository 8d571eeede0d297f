// Row operators over threads: the same bits for any number of them, and the sums' order.
#include "kernels/cpu/rows.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "base/error.h"
#include "compute/measure.h"
#include "compute/parallel.h"
#include "tests/unit/kernels/cpu/noise.h"

namespace slipway {
namespace {

constexpr int64_t kTokens = 700, kVocab = 50, kWidth = 130;

std::vector<int64_t> tokens() {
  std::vector<int64_t> out;
  for (int64_t t = 0; t < kTokens; ++t) out.push_back(t * t * 7 % kVocab);
  return out;
}

TEST(Rows, AnEmbeddingsGradientGrowsInTheOrderOfTokens) {
  const std::vector<int64_t> ids = tokens();
  const std::vector<float> dy = noise(kTokens * kWidth, 1);
  std::vector<float> expected = noise(kVocab * kWidth, 2), got = expected;
  for (int64_t t = 0; t < kTokens; ++t)
    for (int64_t j = 0; j < kWidth; ++j)
      expected[static_cast<size_t>(ids[static_cast<size_t>(t)] * kWidth + j)] +=
          dy[static_cast<size_t>(t * kWidth + j)];
  embedding_rows_backward(dy.data(), ids.data(), kTokens, kVocab, kWidth, got.data());
  EXPECT_EQ(got, expected);
  std::vector<float> out(kTokens * kWidth);
  embedding_rows(got.data(), kVocab, ids.data(), kTokens, kWidth, out.data());
  for (int64_t t = 0; t < kTokens; ++t)
    for (int64_t j = 0; j < kWidth; ++j)
      ASSERT_EQ(out[static_cast<size_t>(t * kWidth + j)],
                got[static_cast<size_t>(ids[static_cast<size_t>(t)] * kWidth + j)]);
}

TEST(Rows, TokensThatAreNoneChangeNothing) {
  for (const int64_t wrong : {int64_t{-1}, kVocab}) {
    std::vector<int64_t> ids = tokens();
    ids[kTokens - 1] = wrong;
    const std::vector<float> x = noise(kTokens * kWidth, 1);
    std::vector<float> dw(kVocab * kWidth, 0.0f), out(kTokens * kWidth, 0.0f);
    EXPECT_THROW(embedding_rows_backward(x.data(), ids.data(), kTokens, kVocab, kWidth, dw.data()),
                 Error);
    EXPECT_THROW(embedding_rows(x.data(), kVocab, ids.data(), kTokens, kWidth, out.data()), Error);
    EXPECT_EQ(dw, std::vector<float>(dw.size(), 0.0f));
    EXPECT_EQ(out, std::vector<float>(out.size(), 0.0f));
  }
}

// Rows that make more parts than the fewest.
TEST(Rows, ANormsGradientOfManyRows) {
  constexpr int64_t kRows = 3000, kColumns = 70;
  const std::vector<float> dy = noise(kRows * kColumns, 1), x = noise(kRows * kColumns, 2),
                           w = noise(kColumns, 3);
  std::vector<float> rms(kRows), y(kRows * kColumns), dx(kRows * kColumns), dw(kColumns, 1.0f);
  const NormRule rule{NormKind::kRms, 1e-5f, w.data(), nullptr};
  const NormRows rows{kRows, 1, kColumns, kColumns};
  norm_rows(x.data(), rule, rows, y.data(), {rms.data(), nullptr});
  norm_rows_backward(dy.data(), x.data(), rule, rows, {rms.data(), nullptr}, nullptr, dx.data(),
                     dw.data(), nullptr);
  for (int64_t c = 0; c < kColumns; ++c) {
    double expected = 1;
    for (int64_t r = 0; r < kRows; ++r)
      expected += double(dy[static_cast<size_t>(r * kColumns + c)]) *
                  double(x[static_cast<size_t>(r * kColumns + c)]) *
                  double(rms[static_cast<size_t>(r)]);
    EXPECT_NEAR(dw[static_cast<size_t>(c)], expected, 1e-4);
  }
}

// In processes of their own: the team is made once, by the first who needs it.
TEST(RowsDeathTest, AnyNumberOfThreadsGivesTheSameBits) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  for (const int many : {2, 64}) {
    const auto same = [&] {
      const std::vector<int64_t> ids = tokens();
      const std::vector<float> dy = noise(kTokens * kWidth, 1), x = noise(kTokens * kWidth, 2);
      const auto compute = [&] {
        std::vector<float> rms(kTokens), mean(kTokens), dx(kTokens * kWidth),
            dw(kVocab * kWidth, 0.5f);
        const NormRule rule{NormKind::kLayer, 1e-5f, x.data(), x.data() + kWidth};
        const NormRows rows{kTokens, 1, kWidth, kWidth};
        const NormMoments moments{rms.data(), mean.data()};
        norm_rows(x.data(), rule, rows, dx.data(), moments);
        embedding_rows_backward(dy.data(), ids.data(), kTokens, kVocab, kWidth, dw.data());
        norm_rows_backward(dy.data(), x.data(), rule, rows, moments, nullptr, dx.data(), dw.data(),
                           dw.data() + kWidth);
        sum_rows(dy.data(), kWidth, kTokens, kWidth, dw.data() + 2 * kWidth);
        dx.insert(dx.end(), dw.begin(), dw.end());
        return dx;
      };
      const ThreadCountScope threads(many);
      if (parallel_threads() != many) return 2;
      const std::vector<float> by_many = compute();
      const ThreadCountScope one(1);
      if (by_many != compute()) return 3;
      std::fputs("the same bits\n", stderr);
      return 0;
    };
    EXPECT_EXIT(std::_Exit(same()), testing::ExitedWithCode(0), "the same bits") << many;
  }
}

}  // namespace
}  // namespace slipway
