// A layer's products with int8 weights: the same bits for any number of threads and rows, several
// weights side by side, and an addend.
#include "kernels/cpu/product_int8.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <vector>

#include "compute/measure.h"
#include "tests/unit/kernels/cpu/noise.h"

namespace slipway {
namespace {

struct Free {
  void operator()(std::byte* p) const { std::free(p); }
};
using Memory = std::unique_ptr<std::byte[], Free>;

class ProductInt8 : public testing::Test {
 protected:
  static constexpr int64_t kK = 200, kRows = 150, kColumns[] = {300, 33, 70}, kAll = 300 + 33 + 70;
  void SetUp() override {
    for (const int64_t n : kColumns) {
      const std::vector<float> w = noise(n * kK, static_cast<uint32_t>(n));
      const auto bytes =
          static_cast<size_t>(packed_bytes(WeightStorage::kInt8, n, kK) + 63) / 64 * 64;
      memory_.emplace_back(static_cast<std::byte*>(std::aligned_alloc(64, bytes)));
      weights_.push_back(
          pack_weight(WeightStorage::kInt8, {w.data(), n}, kK, memory_.back().get()));
    }
  }
  // y [rows, kAll] of the rows from `first` on, `addend` where y begins with it.
  std::vector<float> product(int64_t first, int64_t rows, const std::vector<float>& addend) const {
    std::vector<float> y(static_cast<size_t>(rows * kAll));
    forward_product(x_.data() + first * kK, kK, rows, kK, weights_,
                    addend.empty() ? nullptr : addend.data() + first * kAll, y.data(), kAll);
    return y;
  }
  std::vector<float> x_ = noise(kRows * kK, 1);
  std::vector<PackedWeight> weights_;
  std::vector<Memory> memory_;
};

TEST_F(ProductInt8, ARowIsTheSameAloneInCompanyAndForAnyNumberOfThreads) {
  for (const std::vector<float>& addend : {std::vector<float>(), noise(kRows * kAll, 2)}) {
    const std::vector<float> all = product(0, kRows, addend);
    {
      const ThreadCountScope one(1);
      EXPECT_EQ(product(0, kRows, addend), all);
    }
    for (int64_t row = 0; row < kRows; ++row) {
      const std::vector<float> alone = product(row, 1, addend);
      ASSERT_TRUE(std::equal(alone.begin(), alone.end(), all.begin() + row * kAll)) << row;
    }
    for (const int64_t rows : {4, 31, 129}) {
      const std::vector<float> some = product(0, rows, addend);
      ASSERT_TRUE(std::equal(some.begin(), some.end(), all.begin())) << rows;
    }
  }
}

}  // namespace
}  // namespace slipway
