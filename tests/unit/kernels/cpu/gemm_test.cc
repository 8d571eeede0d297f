// Packed products: right on every edge, for every instruction set this processor has, and the same
// whoever shares the batch.
#include "kernels/cpu/gemm.h"

#include <gtest/gtest.h>
#include <pthread.h>

#include <cmath>
#include <cstdlib>
#include <memory>

#include "tests/unit/kernels/cpu/noise.h"
#include "tests/unit/largest.h"

namespace slipway {
namespace {

struct Free {
  void operator()(float* p) const { std::free(p); }
};
using Memory = std::unique_ptr<float[], Free>;

Memory panels_of(const std::vector<float>& w, int64_t n, int64_t k) {
  const auto bytes = static_cast<size_t>(gemm::packed_size(n, k)) * sizeof(float);
  Memory out(static_cast<float*>(std::aligned_alloc(64, (bytes + 63) / 64 * 64)));
  gemm::pack_transposed(w.data(), k, n, k, 0, gemm::panels(n), out.get(), gemm::panel_width() * k);
  return out;
}

class Gemm : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (!gemm::use(GetParam())) GTEST_SKIP() << "this processor has no " << GetParam();
    EXPECT_EQ(gemm::instruction_set(), GetParam());
  }
  static void TearDownTestSuite() {
    (void)(gemm::use("avx512") || gemm::use("avx2") || gemm::use("plain"));
  }
};

TEST_P(Gemm, EqualsTheSumInDoublePrecision) {
  double largest = 0;
  for (const int64_t n : {1, 8, 16, 23, 24, 25, 31, 32, 33, 40, 100})
    for (const int64_t k : {1, 15, 16, 64, 577})
      for (const int64_t rows : {1, 2, 3, 4, 5, 12, 13, 37, 241, 300}) {
        const std::vector<float> w = noise(n * k, 1), x = noise(rows * k, 2);
        const Memory packed = panels_of(w, n, k);
        std::vector<float> y(static_cast<size_t>(rows * n) + 1, 7.0f);
        const int64_t middle = gemm::panels(n) / 2;  // in two halves, as two threads do
        const gemm::Panels b{packed.get(), gemm::panel_width() * k};
        gemm::multiply({x.data(), k, 1}, rows, k, b, n, 0, middle, y.data(), n, false);
        gemm::multiply({x.data(), k, 1}, rows, k, b, n, middle, gemm::panels(n), y.data(), n,
                       false);
        for (int64_t r = 0; r < rows; ++r)
          for (int64_t j = 0; j < n; ++j) {
            double sum = 0;
            for (int64_t i = 0; i < k; ++i)
              sum += static_cast<double>(x[static_cast<size_t>(r * k + i)]) *
                     static_cast<double>(w[static_cast<size_t>(j * k + i)]);
            largest = largest_of(
                {largest, std::abs(sum - static_cast<double>(y[static_cast<size_t>(r * n + j)]))});
          }
        ASSERT_EQ(y.back(), 7.0f) << "written beyond the end";
      }
  std::printf("%s: largest difference %.3g\n", GetParam(), largest);
  EXPECT_LT(largest, 2e-5);
}

TEST_P(Gemm, RowsDoNotDependOnTheirBatch) {
  constexpr int64_t kRows = 250, kN = 70, kK = 96;
  const std::vector<float> x = noise(kRows * kK, 3);
  const Memory packed = panels_of(noise(kN * kK, 4), kN, kK);
  std::vector<float> all(kRows * kN), one(kN);
  const gemm::Panels b{packed.get(), gemm::panel_width() * kK};
  gemm::multiply({x.data(), kK, 1}, kRows, kK, b, kN, 0, gemm::panels(kN), all.data(), kN, false);
  for (int64_t r = 0; r < kRows; ++r) {
    gemm::multiply({x.data() + r * kK, kK, 1}, 1, kK, b, kN, 0, gemm::panels(kN), one.data(), kN,
                   false);
    ASSERT_TRUE(std::equal(one.begin(), one.end(), all.begin() + r * kN)) << "row " << r;
  }
}

// a^T b added to what is there: rows side by side in memory, b not transposed, room between rows.
TEST_P(Gemm, TurnedOperandsAddUp) {
  double largest = 0;
  for (const int64_t n : {1, 8, 16, 24, 33, 64, 70})
    for (const int64_t k : {1, 9, 19, 400, 801})
      for (const int64_t rows : {1, 3, 7, 8, 130}) {
        const int64_t a_row = rows + 3, b_row = n + 5, y_row = n + 2;
        const std::vector<float> a = noise(k * a_row, 5), b = noise(k * b_row, 6),
                                 before = noise(rows * y_row, 7);
        Memory packed(static_cast<float*>(std::aligned_alloc(
            64, static_cast<size_t>(gemm::packed_size(n, k) * 4 + 63) / 64 * 64)));
        gemm::pack(b.data(), b_row, n, k, 0, gemm::panels(n), packed.get(),
                   gemm::panel_width() * k);
        std::vector<float> y = before;
        gemm::multiply({a.data(), 1, a_row}, rows, k, {packed.get(), gemm::panel_width() * k}, n, 0,
                       gemm::panels(n), y.data(), y_row, true);
        for (int64_t r = 0; r < rows; ++r)
          for (int64_t j = 0; j < y_row; ++j) {
            double sum = static_cast<double>(before[static_cast<size_t>(r * y_row + j)]);
            for (int64_t i = 0; j < n && i < k; ++i)
              sum += static_cast<double>(a[static_cast<size_t>(i * a_row + r)]) *
                     static_cast<double>(b[static_cast<size_t>(i * b_row + j)]);
            largest = largest_of(
                {largest,
                 std::abs(sum - static_cast<double>(y[static_cast<size_t>(r * y_row + j)]))});
          }
      }
  std::printf("%s: largest difference %.3g\n", GetParam(), largest);
  EXPECT_LT(largest, 2e-5);
}

// Passes are even and end at multiples of a unit.
TEST_P(Gemm, PassesCoverEveryDepth) {
  for (int64_t k = 0; k < 5000; ++k) {
    const int64_t depth = gemm::chain_depth(k), passes = (k + depth - 1) / depth;
    ASSERT_GT(depth, 0);
    ASSERT_EQ(depth % gemm::kChainUnit, 0) << k;
    ASSERT_LE(depth * gemm::panel_width(), 6144)
        << "a pass of " << k << " leaves the first-level cache";
    ASSERT_GE(passes * depth, k);
    ASSERT_LE((passes - 1) * (depth - gemm::kChainUnit), k) << "one pass fewer would do for " << k;
  }
}

// Programs that link the library have threads of their own, with small stacks: what every thread of
// a process must hold comes out of these.
TEST(GemmThreads, AThreadWithASmallStackCanMultiply) {
  pthread_attr_t attributes;
  ASSERT_EQ(pthread_attr_init(&attributes), 0);
  ASSERT_EQ(pthread_attr_setstacksize(&attributes, 128 << 10), 0);
  struct Work {
    std::vector<float> a = noise(50 * 20, 5), w = noise(30 * 50, 6),
                       y = std::vector<float>(20 * 30);
    Memory packed = panels_of(w, 30, 50);
  } work;
  pthread_t thread;
  const auto multiply = [](void* to) -> void* {
    Work& at = *static_cast<Work*>(to);
    // rows side by side are gathered
    gemm::multiply({at.a.data(), 1, 20}, 20, 50, {at.packed.get(), gemm::panel_width() * 50}, 30, 0,
                   gemm::panels(30), at.y.data(), 30, false);
    return nullptr;
  };
  ASSERT_EQ(pthread_create(&thread, &attributes, multiply, &work), 0)
      << "thread-local memory exceeds the stack";
  pthread_join(thread, nullptr);
  double sum = 0;
  for (size_t i = 0; i < 50; ++i)
    sum += static_cast<double>(work.a[i * 20 + 3]) * static_cast<double>(work.w[7 * 50 + i]);
  EXPECT_NEAR(static_cast<double>(work.y[3 * 30 + 7]), sum, 1e-5);
}

INSTANTIATE_TEST_SUITE_P(Sets, Gemm, testing::Values("avx512", "avx2", "plain"),
                         [](const auto& set) { return std::string(set.param); });

}  // namespace
}  // namespace slipway
