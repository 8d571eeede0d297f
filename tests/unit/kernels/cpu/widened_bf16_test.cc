// Weights that are bfloat16 in memory: rounded as promised, multiplied as promised, on every edge
// and for every instruction set of this processor.
#include "kernels/cpu/widened_bf16.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <memory>

#include "kernels/cpu/gemm.h"
#include "tests/unit/kernels/cpu/noise.h"
#include "tests/unit/largest.h"

namespace slipway {
namespace {

struct Free {
  void operator()(std::byte* p) const { std::free(p); }
};
using Memory = std::unique_ptr<std::byte[], Free>;

Memory aligned(int64_t bytes) {
  return Memory(
      static_cast<std::byte*>(std::aligned_alloc(64, static_cast<size_t>(bytes + 63) / 64 * 64)));
}

// w [n, k], packed.
struct Packed {
  int64_t n, k;
  Memory memory;

  Packed(const std::vector<float>& w, int64_t outputs, int64_t inputs)
      : n(outputs), k(inputs), memory(aligned(gemm::panels(n) * widened_bf16::panel_stride(k))) {
    const int64_t middle = gemm::panels(n) / 2;  // in two halves, as two threads do
    widened_bf16::pack(w.data(), k, n, k, 0, middle, memory.get());
    widened_bf16::pack(w.data(), k, n, k, middle, gemm::panels(n), memory.get());
  }
  void multiply(const float* x, int64_t rows, float* y, bool add = false) const {
    const int64_t middle = gemm::panels(n) / 2;
    const widened_bf16::Panels panels{memory.get(), widened_bf16::panel_stride(k)};
    widened_bf16::multiply(x, k, rows, k, panels, n, 0, middle, y, n, add);
    widened_bf16::multiply(x, k, rows, k, panels, n, middle, gemm::panels(n), y, n, add);
  }
  // The weights as they were rounded: what rows that are 1 at one input and 0 elsewhere give.
  std::vector<float> rounded() const {
    std::vector<float> x(static_cast<size_t>(k)), y(static_cast<size_t>(n)),
        out(static_cast<size_t>(n * k));
    for (int64_t i = 0; i < k; ++i) {
      x[static_cast<size_t>(i)] = 1;
      multiply(x.data(), 1, y.data());
      for (int64_t j = 0; j < n; ++j)
        out[static_cast<size_t>(j * k + i)] = y[static_cast<size_t>(j)];
      x[static_cast<size_t>(i)] = 0;
    }
    return out;
  }
};

class WidenedBf16 : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (!gemm::use(GetParam())) GTEST_SKIP() << "this processor has no " << GetParam();
  }
  static void TearDownTestSuite() {
    (void)(gemm::use("avx512") || gemm::use("avx2") || gemm::use("plain"));
  }
};

TEST_P(WidenedBf16, WeightsAreRoundedToTheNearest) {
  for (const int64_t n : {1, 33, 70})
    for (const int64_t k : {1, 63, 64, 65, 577}) {
      const std::vector<float> w = noise(n * k, 1), rounded = Packed(w, n, k).rounded();
      for (int64_t j = 0; j < n; ++j)
        for (int64_t i = 0; i < k; ++i) {
          const auto at = static_cast<size_t>(j * k + i);
          ASSERT_EQ(std::bit_cast<uint32_t>(rounded[at]) & 0xFFFF, 0u);
          ASSERT_LE(std::abs(rounded[at] - w[at]), std::abs(w[at]) / 256) << j << " " << i;
        }
    }
}

TEST_P(WidenedBf16, TheProductIsThatOfTheRoundedWeights) {
  double largest = 0;
  for (const int64_t n : {1, 31, 32, 100})
    for (const int64_t k : {1, 64, 200, 801})
      for (const int64_t rows : {1, 4, 5, 6, 7, 12, 13, 37}) {
        const std::vector<float> w = noise(n * k, 2), x = noise(rows * k, 3),
                                 before = noise(rows * n, 4);
        const Packed packed(w, n, k);
        const std::vector<float> rounded = packed.rounded();
        std::vector<float> y = before;
        y.push_back(7);
        packed.multiply(x.data(), rows, y.data(), true);
        ASSERT_EQ(y.back(), 7.0f) << "written beyond the end";
        for (int64_t r = 0; r < rows; ++r)
          for (int64_t j = 0; j < n; ++j) {
            double sum = before[static_cast<size_t>(r * n + j)];
            for (int64_t i = 0; i < k; ++i)
              sum += static_cast<double>(x[static_cast<size_t>(r * k + i)]) *
                     static_cast<double>(rounded[static_cast<size_t>(j * k + i)]);
            largest = largest_of(
                {largest, std::abs(sum - static_cast<double>(y[static_cast<size_t>(r * n + j)]))});
          }
      }
  std::printf("%s: largest difference %.3g\n", GetParam(), largest);
  EXPECT_LT(largest, 2e-5);
}

TEST_P(WidenedBf16, RowsDoNotDependOnTheirBatch) {
  constexpr int64_t kN = 70, kK = 500;
  const std::vector<float> x = noise(40 * kK, 5);
  const Packed packed(noise(kN * kK, 6), kN, kK);
  for (const bool add : {false, true})
    for (int64_t rows = 1; rows <= 40; ++rows) {
      std::vector<float> all(static_cast<size_t>(rows * kN), 0.25f), one(kN);
      packed.multiply(x.data(), rows, all.data(), add);
      for (int64_t r = 0; r < rows; ++r) {
        std::ranges::fill(one, 0.25f);
        packed.multiply(x.data() + r * kK, 1, one.data(), add);
        ASSERT_TRUE(std::equal(one.begin(), one.end(), all.begin() + r * kN))
            << "row " << r << " of " << rows;
      }
    }
}

TEST_P(WidenedBf16, IsTheFloat32ProductOfRoundedWeights) {
  constexpr int64_t kRows = 9, kN = 70, kK = 801;
  const std::vector<float> x = noise(kRows * kK, 7);
  const Packed packed(noise(kN * kK, 8), kN, kK);
  const std::vector<float> rounded = packed.rounded();
  const Memory panels = aligned(gemm::packed_size(kN, kK) * 4);
  auto* floats = reinterpret_cast<float*>(panels.get());
  gemm::pack_transposed(rounded.data(), kK, kN, kK, 0, gemm::panels(kN), floats,
                        gemm::panel_width() * kK);
  std::vector<float> ours(kRows * kN), theirs(kRows * kN);
  packed.multiply(x.data(), kRows, ours.data());
  gemm::multiply({x.data(), kK, 1}, kRows, kK, {floats, gemm::panel_width() * kK}, kN, 0,
                 gemm::panels(kN), theirs.data(), kN, false);
  EXPECT_EQ(ours, theirs);
}

TEST_P(WidenedBf16, WhatCanBeWrittenExactlyIs) {
  std::vector<float> w(64 * 2);
  for (size_t i = 0; i < w.size(); ++i)
    w[i] = static_cast<float>(static_cast<int>(i % 64) * 4 - 127 - static_cast<int>(i / 64)) / 128;
  w[1] = w[65] = 127.0f / 128;
  w[64] = 0;
  EXPECT_EQ(Packed(w, 2, 64).rounded(), w);
  const std::vector<float> zeros(130);
  EXPECT_EQ(Packed(zeros, 2, 65).rounded(), zeros);
}

TEST_P(WidenedBf16, TinyWeightsStayFiniteAndBrokenOnesStayBroken) {
  std::vector<float> w(3 * 64, 1e-41f);
  w[64] = std::numeric_limits<float>::quiet_NaN();
  w[2 * 64] = std::numeric_limits<float>::infinity();
  const Packed packed(w, 3, 64);
  const std::vector<float> x(64, 1.0f);
  std::vector<float> y(3);
  packed.multiply(x.data(), 1, y.data());
  EXPECT_LT(std::abs(y[0]), 1e-38f);
  EXPECT_TRUE(std::isnan(y[1]));
  EXPECT_FALSE(std::isfinite(y[2]));
}

INSTANTIATE_TEST_SUITE_P(Sets, WidenedBf16, testing::Values("avx512", "avx2", "plain"),
                         [](const auto& set) { return std::string(set.param); });

}  // namespace
}  // namespace slipway
