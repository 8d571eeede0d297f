// Products of int8 weights: every kernel of this processor, and AMX's on emulated instructions,
// give the bits that the scheme promises (computed here anew, in whole numbers), on every edge,
// whoever shares the batch; what is not finite stays so, and nothing saturates.
#include "kernels/cpu/gemm_int8.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <limits>
#include <memory>
#include <vector>

#include "tests/unit/kernels/cpu/emulated_int8.h"
#include "tests/unit/kernels/cpu/noise.h"
#include "tests/unit/largest.h"

namespace slipway {
namespace {

struct Free {
  void operator()(std::byte* p) const { std::free(p); }
};
using Memory = std::unique_ptr<std::byte[], Free>;

// Full of bits that would show, were padding left as it was: as floats not numbers.
Memory room(int64_t bytes) {
  const auto whole = static_cast<size_t>(bytes + 63) / 64 * 64;
  Memory out(static_cast<std::byte*>(std::aligned_alloc(64, whole)));
  std::fill_n(out.get(), whole, std::byte{0xFF});
  return out;
}

struct Case {
  int64_t rows, n, k;
};

// w [n, k], packed in two halves, as two threads do.
struct Packed {
  int64_t n, k, middle = gemm_int8::panels(n) / 2;
  Memory panels = room(gemm_int8::panels(n) * gemm_int8::panel_bytes(k));

  Packed(const std::vector<float>& w, int64_t outputs, int64_t inputs) : n(outputs), k(inputs) {
    gemm_int8::pack_weights(w.data(), k, n, k, 0, middle, panels.get());
    gemm_int8::pack_weights(w.data(), k, n, k, middle, gemm_int8::panels(n), panels.get());
  }
  void multiply(const float* x, int64_t x_row, int64_t rows, float* y, int64_t y_row,
                bool add = false) const {
    using namespace gemm_int8;
    const Memory packed = room((rows + kRowsRead) * row_bytes(k));
    std::vector<float> scales(static_cast<size_t>(rows));
    pack_rows(x, x_row, k, 0, rows / 2, packed.get(), scales.data());
    pack_rows(x, x_row, k, rows / 2, rows, packed.get(), scales.data());
    const Rows a{packed.get(), scales.data()};
    gemm_int8::multiply(a, rows, k, panels.get(), n, 0, middle, y, y_row, add);
    gemm_int8::multiply(a, rows, k, panels.get(), n, middle, gemm_int8::panels(n), y, y_row, add);
  }
};

// Whole numbers and their scale, as gemm_int8.h has it.
struct Rounded {
  std::vector<int64_t> numbers;
  float scale = 0;
};
Rounded rounded(const float* from, int64_t count, float largest_whole) {
  Rounded out{std::vector<int64_t>(static_cast<size_t>(count)), 0};
  float largest = 0;
  for (int64_t i = 0; i < count; ++i) largest = std::max(largest, std::abs(from[i]));
  if (largest / largest_whole < 0x1p-120f) return out;
  out.scale = largest / largest_whole;
  const float inverse = 1 / out.scale;
  for (int64_t i = 0; i < count; ++i)
    out.numbers[static_cast<size_t>(i)] = std::llrint(from[i] * inverse);
  return out;
}

// One element, with nothing before it.
float element(const float* x, const float* w, int64_t k) {
  const Rounded row = rounded(x, k, 32639);
  float sum = 0;
  for (int64_t g = 0; g < k; g += 64) {
    const Rounded group = rounded(w + g, std::min<int64_t>(64, k - g), 127);
    int64_t whole = 0;
    for (size_t i = 0; i < group.numbers.size(); ++i)
      whole += row.numbers[static_cast<size_t>(g) + i] * group.numbers[i];
    EXPECT_EQ(whole, static_cast<int32_t>(whole)) << "fits into 32 bits";
    const float each = static_cast<float>(whole) * group.scale;
    sum = sum + each;
  }
  return sum * row.scale;
}

class GemmInt8 : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (!use_int8_kernel(GetParam())) GTEST_SKIP() << "this machine has no " << GetParam();
    EXPECT_EQ(gemm_int8::instruction_set(), GetParam());
  }
  static void TearDownTestSuite() { use_own_int8_kernel(); }
};

void expect_the_scheme(const Case& c, const std::vector<float>& x, const std::vector<float>& w) {
  const int64_t y_row = c.n + 3;
  const Packed packed(w, c.n, c.k);
  const std::vector<float> before = noise(c.rows * y_row, 3);
  for (const bool add : {false, true}) {
    std::vector<float> y = before;
    packed.multiply(x.data(), c.k, c.rows, y.data(), y_row, add);
    for (int64_t r = 0; r < c.rows; ++r)
      for (int64_t j = 0; j < y_row; ++j) {
        const auto at = static_cast<size_t>(r * y_row + j);
        if (j >= c.n) {
          ASSERT_EQ(y[at], before[at]) << "written beyond the row";
          continue;
        }
        const float alone = element(x.data() + r * c.k, w.data() + j * c.k, c.k);
        ASSERT_EQ(y[at], add ? before[at] + alone : alone)
            << "rows " << c.rows << ", n " << c.n << ", k " << c.k << ": " << r << " " << j;
      }
  }
}

TEST_P(GemmInt8, GivesTheBitsOfTheScheme) {
  for (const int64_t n : {1, 31, 32, 33, 70})
    for (const int64_t k : {1, 63, 64, 65, 577})
      for (const int64_t rows : {1, 3, 7, 8, 9, 17})
        expect_the_scheme({rows, n, k}, noise(rows * k, 1), noise(n * k, 2));
  expect_the_scheme({150, 40, 128}, noise(150 * 128, 4), noise(40 * 128, 5));
  expect_the_scheme({9, 33, 2048}, noise(9 * 2048, 6), noise(33 * 2048, 7));
}

// The largest sums there are: bytes times bytes would saturate where pairs are summed in 16 bits.
TEST_P(GemmInt8, NothingSaturates) {
  for (const float sign : {1.0f, -1.0f}) {
    std::vector<float> x(10 * 128, 3.0f), w(35 * 128, sign * 0.25f);
    x[1] = -3, w[2] = 0.25f;
    expect_the_scheme({10, 35, 128}, x, w);
  }
}

TEST_P(GemmInt8, ErrsByTheRoundingAlone) {
  constexpr int64_t kRows = 20, kN = 50, kK = 600;
  const std::vector<float> x = noise(kRows * kK, 8), w = noise(kN * kK, 9);
  const Packed packed(w, kN, kK);
  std::vector<float> y(kRows * kN);
  packed.multiply(x.data(), kK, kRows, y.data(), kN);
  double largest = 0;
  for (int64_t r = 0; r < kRows; ++r)
    for (int64_t j = 0; j < kN; ++j) {
      double exact = 0, bound = 0;
      for (int64_t i = 0; i < kK; ++i) {
        const auto a = static_cast<double>(x[static_cast<size_t>(r * kK + i)]),
                   b = static_cast<double>(w[static_cast<size_t>(j * kK + i)]);
        exact += a * b;
        bound += std::abs(a) * 0.5 / 127 / 2 + std::abs(b) * 0.5 / 32639 / 2;  // all within 0.5
      }
      const double error =
          std::abs(exact - static_cast<double>(y[static_cast<size_t>(r * kN + j)]));
      ASSERT_LE(error, bound * 1.01);
      largest = largest_of({largest, error});
    }
  std::printf("%s: largest difference from the unrounded product %.3g\n", GetParam(), largest);
  EXPECT_GT(largest, 0);
}

TEST_P(GemmInt8, RowsDoNotDependOnTheirBatch) {
  constexpr int64_t kN = 70, kK = 900, kMost = 70;
  const std::vector<float> x = noise(kMost * kK, 10);
  const Packed packed(noise(kN * kK, 11), kN, kK);
  for (const bool add : {false, true}) {
    std::vector<float> each(static_cast<size_t>(kMost * kN), 0.25f);
    for (int64_t r = 0; r < kMost; ++r)
      packed.multiply(x.data() + r * kK, kK, 1, each.data() + r * kN, kN, add);
    for (const int64_t rows : {2, 5, 8, 9, 12, 15, 16, 17, 31, 33, 64, 70}) {
      std::vector<float> all(static_cast<size_t>(rows * kN), 0.25f);
      packed.multiply(x.data(), kK, rows, all.data(), kN, add);
      ASSERT_TRUE(std::equal(all.begin(), all.end(), each.begin())) << rows << " rows";
    }
  }
}

TEST_P(GemmInt8, WhatCanBeWrittenExactlyIs) {
  std::vector<float> w(64), x(64);
  for (size_t i = 0; i < w.size(); ++i)
    w[i] = static_cast<float>(static_cast<int>(i) * 4 - 125) / 128, x[i] = 0;
  w[0] = -127.0f / 128;
  for (size_t i = 0; i < w.size(); ++i) {
    x[i] = 32639;
    float y = 7;
    Packed(w, 1, 64).multiply(x.data(), 64, 1, &y, 1);
    EXPECT_EQ(y, w[i] * 32639) << i;
    x[i] = 0;
  }
  float y = 7;
  Packed(w, 1, 64).multiply(x.data(), 64, 1, &y, 1);
  EXPECT_EQ(y, 0.0f) << "a row of zeros";
}

TEST_P(GemmInt8, BrokenRowsAndWeightsStayBrokenAloneAndTinyOnesAreZeros) {
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN(),
                  kInf = std::numeric_limits<float>::infinity(),
                  kTiny = std::numeric_limits<float>::denorm_min();
  constexpr int64_t kRows = 20, kN = 40, kK = 130;
  std::vector<float> x(kRows * kK, 1.0f), w(kN * kK, 0.5f), y(kRows * kN);
  x[2 * kK + 129] = kNan, x[9 * kK + 64] = kInf, x[19 * kK] = -kInf;
  std::fill_n(x.begin() + 5 * kK, kK, 1e-41f);
  std::fill_n(x.begin() + 6 * kK, kK, kTiny);
  w[3 * kK + 128] = kNan, w[39 * kK] = -kInf;
  std::fill_n(w.begin() + 7 * kK, kK, kTiny);
  Packed(w, kN, kK).multiply(x.data(), kK, kRows, y.data(), kN);
  for (int64_t r = 0; r < kRows; ++r)
    for (int64_t j = 0; j < kN; ++j) {
      const float value = y[static_cast<size_t>(r * kN + j)];
      if (r == 2 || r == 9 || r == 19 || j == 3 || j == 39) {
        EXPECT_TRUE(std::isnan(value)) << r << " " << j;
      } else if (r == 5 || r == 6 || j == 7) {
        EXPECT_EQ(value, 0.0f) << r << " " << j;
      } else {
        EXPECT_FLOAT_EQ(value, 65.0f) << r << " " << j;
      }
    }
}

INSTANTIATE_TEST_SUITE_P(Sets, GemmInt8,
                         testing::Values("amx", "emulated_amx", "avx512_vnni", "avx512", "avx_vnni",
                                         "avx2", "sse2", "plain"),
                         [](const auto& set) { return std::string(set.param); });

}  // namespace
}  // namespace slipway
