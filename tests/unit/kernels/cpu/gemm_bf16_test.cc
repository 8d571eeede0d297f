// Products in bfloat16: every kernel of this processor, and the sources of those it lacks on
// emulated instructions, against sums in double precision of the rounded operands, within what
// float32 sums in any order may err; on every edge, and the same whoever shares the batch.
#include "kernels/cpu/gemm_bf16.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <limits>
#include <memory>
#include <vector>

#include "compute/bfloat16.h"
#include "tests/unit/kernels/cpu/emulated_bf16.h"
#include "tests/unit/kernels/cpu/noise.h"
#include "tests/unit/largest.h"

namespace slipway {
namespace {

struct Free {
  void operator()(uint16_t* p) const { std::free(p); }
};
using Memory = std::unique_ptr<uint16_t[], Free>;

// Full of numbers that would show, were padding left as it was.
Memory room(int64_t values) {
  const auto bytes = static_cast<size_t>(values * 2 + 63) / 64 * 64;
  Memory out(static_cast<uint16_t*>(std::aligned_alloc(64, bytes)));
  std::fill_n(out.get(), bytes / 2, uint16_t{0x7FC0});
  return out;
}

class GemmBf16 : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (!use_bf16_kernel(GetParam()))
      GTEST_SKIP() << "no " << GetParam() << " here: " << gemm_bf16::why_slow();
    EXPECT_EQ(gemm_bf16::instruction_set(), GetParam());
  }
  static void TearDownTestSuite() { use_own_bf16_kernel(); }
};

struct Case {
  int64_t rows, n, k;
};

// Packs in two pieces and multiplies in two, as two threads do.
void product(const gemm_bf16::Source& a, const Case& c, const uint16_t* b, float* y, int64_t y_row,
             bool add) {
  using namespace gemm_bf16;
  const Memory rows = room(rows_size(c.rows, c.k));
  const int64_t cut = c.rows / 2 / kRows * kRows, middle = panels(c.n) / 2;
  const int64_t row = depth(c.k);
  pack_rows(a, c.k, 0, cut, rows.get());
  pack_rows(a, c.k, cut, c.rows, rows.get());
  multiply({rows.get(), row}, c.rows, c.k, b, c.n, 0, middle, y, y_row, add);
  multiply({rows.get(), row}, cut, c.k, b, c.n, middle, panels(c.n), y, y_row, add);
  multiply({rows.get() + cut * row, row}, c.rows - cut, c.k, b, c.n, middle, panels(c.n),
           y + cut * y_row, y_row, add);
}

// The share of what summing in float32 may err that y errs: |error| / (k + 2) 2^-23 sum |a b|.
// Pairs, and their order, are the instruction set's own: every order stays within (k + 1) 2^-24,
// and `add` rounds once more. Denormals taken for zero lose 2^-126 each.
double share_of_bound(const gemm_bf16::Source& a, const gemm_bf16::Source& b, const Case& c,
                      const std::vector<float>& before, const float* y, int64_t y_row) {
  double largest = 0;
  for (int64_t r = 0; r < c.rows; ++r)
    for (int64_t j = 0; j < c.n; ++j) {
      double sum = static_cast<double>(before[static_cast<size_t>(r * y_row + j)]),
             magnitude = std::abs(sum);
      for (int64_t i = 0; i < c.k; ++i) {
        const double each =
            static_cast<double>(round_to_bfloat16(a.values.floats[r * a.row + i * a.column])) *
            static_cast<double>(round_to_bfloat16(b.values.floats[j * b.row + i * b.column]));
        sum += each, magnitude += std::abs(each);
      }
      const double bound =
          static_cast<double>(c.k + 2) * 0x1p-23 * magnitude + static_cast<double>(c.k) * 0x1p-126;
      largest =
          largest_of({largest, std::abs(sum - static_cast<double>(y[r * y_row + j])) / bound});
    }
  return largest;
}

TEST_P(GemmBf16, StaysWithinTheErrorOfFloat32Sums) {
  double largest = 0;
  for (const int64_t n : {1, 16, 31, 32, 33, 100})
    for (const int64_t k : {1, 2, 31, 32, 33, 64, 577})
      for (const int64_t rows : {1, 12, 13, 16, 17, 32, 33, 70}) {
        const Case c{rows, n, k};
        const int64_t y_row = n + 3;
        const std::vector<float> w = noise(n * (k + 1), 1), x = noise(rows * (k + 2), 2),
                                 before = noise(rows * y_row, 3), zeros(before.size());
        const Memory b = room(gemm_bf16::panels(n) * gemm_bf16::panel_size(k));
        gemm_bf16::pack_transposed(w.data(), k + 1, n, k, 0, gemm_bf16::panels(n), b.get());
        for (const bool add : {false, true}) {
          std::vector<float> y = before;
          product({x.data(), k + 2, 1}, c, b.get(), y.data(), y_row, add);
          largest = largest_of({largest, share_of_bound({x.data(), k + 2, 1}, {w.data(), k + 1, 1},
                                                        c, add ? before : zeros, y.data(), y_row)});
          for (int64_t r = 0; r < rows; ++r)
            for (int64_t j = n; j < y_row; ++j)
              ASSERT_EQ(y[static_cast<size_t>(r * y_row + j)],
                        before[static_cast<size_t>(r * y_row + j)])
                  << "written beyond the row";
        }
      }
  std::printf("%s: at most %.2g of what float32 sums may err\n", GetParam(), largest);
  EXPECT_LT(largest, 1);
  EXPECT_GT(largest, 0);
}

// a^T b: rows side by side in memory, b not transposed.
TEST_P(GemmBf16, TurnedOperandsGiveTheSame) {
  for (const Case& c : {Case{1, 1, 1}, Case{70, 33, 9}, Case{33, 100, 130}}) {
    const int64_t a_row = c.rows + 3, b_row = c.n + 5;
    const std::vector<float> a = noise(c.k * a_row, 4), b = noise(c.k * b_row, 5),
                             zeros(static_cast<size_t>(c.rows * c.n));
    const Memory packed = room(gemm_bf16::panels(c.n) * gemm_bf16::panel_size(c.k));
    gemm_bf16::pack(b.data(), b_row, c.n, c.k, 0, gemm_bf16::panels(c.n), packed.get(),
                    gemm_bf16::panel_size(c.k));
    std::vector<float> y = zeros;
    product({a.data(), 1, a_row}, c, packed.get(), y.data(), c.n, false);
    EXPECT_LT(share_of_bound({a.data(), 1, a_row}, {b.data(), 1, b_row}, c, zeros, y.data(), c.n),
              1);
  }
}

std::vector<uint16_t> bfloats(const std::vector<float>& values) {
  std::vector<uint16_t> out(values.size());
  gemm_bf16::round_values(values.data(), static_cast<int64_t>(values.size()), out.data());
  return out;
}

// Operands that are bfloat16 already are those that rounding gives, packed either way, or rows as
// they lie; results that are bfloat16 are the float32 ones rounded.
TEST_P(GemmBf16, Bfloat16OperandsAndResultsAreTheRoundedOnes) {
  for (const Case& c : {Case{70, 33, 9}, Case{33, 100, 130}, Case{40, 70, 704}}) {
    const int64_t a_row = c.k + 3, t_row = c.rows + 1, b_row = c.n + 5;
    const std::vector<float> a = noise(c.rows * a_row, 8), b = noise(c.k * b_row, 9),
                             t = noise(c.k * t_row, 10);
    const std::vector<uint16_t> a16 = bfloats(a), b16 = bfloats(b), t16 = bfloats(t);
    const int64_t stride = gemm_bf16::panel_size(c.k), panels = gemm_bf16::panels(c.n);
    const Memory packed = room(panels * stride), packed16 = room(panels * stride);
    gemm_bf16::pack(b.data(), b_row, c.n, c.k, 0, panels, packed.get(), stride);
    gemm_bf16::pack(b16.data(), b_row, c.n, c.k, 0, panels, packed16.get(), stride);
    ASSERT_TRUE(std::equal(packed.get(), packed.get() + panels * stride, packed16.get()));
    std::vector<float> y(static_cast<size_t>(c.rows * c.n)), y16 = y, turned = y, turned16 = y;
    product({a.data(), a_row, 1}, c, packed.get(), y.data(), c.n, false);
    product({a16.data(), a_row, 1}, c, packed.get(), y16.data(), c.n, false);
    EXPECT_EQ(y, y16);
    product({t.data(), 1, t_row}, c, packed.get(), turned.data(), c.n, false);
    product({t16.data(), 1, t_row}, c, packed.get(), turned16.data(), c.n, false);
    EXPECT_EQ(turned, turned16);

    const Memory rows = room(gemm_bf16::rows_size(c.rows, c.k));
    gemm_bf16::pack_rows({a.data(), a_row, 1}, c.k, 0, c.rows, rows.get());
    std::vector<uint16_t> rounded(y.size());
    gemm_bf16::multiply({rows.get(), gemm_bf16::depth(c.k)}, c.rows, c.k, packed.get(), c.n, 0,
                        panels, rounded.data(), c.n, false);
    EXPECT_EQ(rounded, bfloats(y));
  }
}

TEST(GemmBf16Values, AreRoundedAndWidenedExactly) {
  const std::vector<float> x = noise(77, 11);
  const std::vector<uint16_t> rounded = bfloats(x);
  std::vector<float> back(x.size());
  gemm_bf16::widen_values(rounded.data(), 77, back.data());
  for (size_t i = 0; i < x.size(); ++i) {
    EXPECT_EQ(rounded[i], to_bfloat16(x[i]));
    EXPECT_EQ(back[i], round_to_bfloat16(x[i]));
  }
}

TEST(GemmBf16Values, APanelIsPackedAndRoundedAtOnce) {
  for (const int64_t k : {1, 2, 31, 32, 33, 96}) {
    const std::vector<float> b = noise(k * gemm_bf16::kColumns, 12);
    const std::vector<uint16_t> rounded = bfloats(b);
    const int64_t size = gemm_bf16::panel_size(k), row = gemm_bf16::kColumns + 7;
    const Memory expected = room(size), packed = room(size), alone = room(size);
    gemm_bf16::pack(b.data(), gemm_bf16::kColumns, gemm_bf16::kColumns, k, 0, 1, expected.get(),
                    size);
    std::vector<uint16_t> as_rows(static_cast<size_t>(k * row), 1);
    gemm_bf16::pack_panel(b.data(), k, packed.get(), as_rows.data(), row);
    gemm_bf16::pack_panel(b.data(), k, alone.get(), nullptr, 0);
    EXPECT_TRUE(std::equal(packed.get(), packed.get() + size, expected.get())) << k;
    EXPECT_TRUE(std::equal(alone.get(), alone.get() + size, expected.get())) << k;
    for (int64_t r = 0; r < k; ++r)
      for (int64_t i = 0; i < row; ++i)
        ASSERT_EQ(
            as_rows[static_cast<size_t>(r * row + i)],
            i < gemm_bf16::kColumns ? rounded[static_cast<size_t>(r * gemm_bf16::kColumns + i)] : 1)
            << k << " rows, row " << r << ", column " << i;
  }
}

TEST_P(GemmBf16, RowsDoNotDependOnTheirBatch) {
  constexpr int64_t kN = 70, kK = 420, kMost = 70;
  const std::vector<float> x = noise(kMost * kK, 6), w = noise(kN * kK, 7);
  const Memory b = room(gemm_bf16::panels(kN) * gemm_bf16::panel_size(kK));
  gemm_bf16::pack_transposed(w.data(), kK, kN, kK, 0, gemm_bf16::panels(kN), b.get());
  for (const bool add : {false, true}) {
    std::vector<float> each(static_cast<size_t>(kMost * kN), 0.25f);
    for (int64_t r = 0; r < kMost; ++r)
      product({x.data() + r * kK, kK, 1}, {1, kN, kK}, b.get(), each.data() + r * kN, kN, add);
    for (const int64_t rows : {2, 11, 16, 17, 31, 32, 33, 48, 49, 64, 70}) {
      std::vector<float> all(static_cast<size_t>(rows * kN), 0.25f);
      product({x.data(), kK, 1}, {rows, kN, kK}, b.get(), all.data(), kN, add);
      ASSERT_TRUE(std::equal(all.begin(), all.end(), each.begin())) << rows << " rows";
    }
  }
}

TEST_P(GemmBf16, WholeNumbersAreExactAndWhatIsNoNumberStaysSo) {
  std::vector<float> x(40), w(40);
  for (size_t i = 0; i < x.size(); ++i)
    x[i] = static_cast<float>(i) - 20, w[i] = static_cast<float>(i % 7) - 3;
  float sum = 0;
  for (size_t i = 0; i < x.size(); ++i) sum += x[i] * w[i];
  const Memory b = room(gemm_bf16::panel_size(40));
  gemm_bf16::pack_transposed(w.data(), 40, 1, 40, 0, 1, b.get());
  float y = 0;
  product({x.data(), 40, 1}, {1, 1, 40}, b.get(), &y, 1, false);
  EXPECT_EQ(y, sum);
  x[39] = std::numeric_limits<float>::quiet_NaN();
  product({x.data(), 40, 1}, {1, 1, 40}, b.get(), &y, 1, false);
  EXPECT_TRUE(std::isnan(y));
  x[39] = std::numeric_limits<float>::infinity();
  product({x.data(), 40, 1}, {1, 1, 40}, b.get(), &y, 1, false);
  EXPECT_FALSE(std::isfinite(y));
}

INSTANTIATE_TEST_SUITE_P(Sets, GemmBf16,
                         testing::Values("amx", "avx512_bf16", "emulated_amx",
                                         "emulated_avx512_bf16", "portable"),
                         [](const auto& set) { return std::string(set.param); });

TEST(Bfloat16, RoundsToTheNearestTiesToEven) {
  EXPECT_EQ(round_to_bfloat16(1.0f), 1.0f);
  // between 1 and 1 + 2^-7: to the even one
  EXPECT_EQ(round_to_bfloat16(1.0f + 0x1p-8f), 1.0f);
  // between 1 + 2^-7 and 1 + 2^-6: likewise
  EXPECT_EQ(round_to_bfloat16(1.0f + 0x1.8p-7f), 1.0f + 0x1p-6f);
  EXPECT_EQ(round_to_bfloat16(1.0f + 0x1.02p-8f), 1.0f + 0x1p-7f);
  EXPECT_EQ(round_to_bfloat16(-0.0f), 0.0f);
  EXPECT_EQ(round_to_bfloat16(3.4e38f), std::numeric_limits<float>::infinity());
  EXPECT_TRUE(std::isnan(round_to_bfloat16(std::numeric_limits<float>::quiet_NaN())));
  EXPECT_TRUE(std::isnan(round_to_bfloat16(-std::numeric_limits<float>::signaling_NaN())));
  EXPECT_EQ(bfloat16_pair(1.0f, -2.0f), 0xC0003F80u);
}

}  // namespace
}  // namespace slipway
