// Packed weights: fresh contents after each call to forget(), and where they lie.
#include "operators/packed_weights.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "operators/linear.h"

namespace slipway {
namespace {

double largest(const at::Tensor& a, const at::Tensor& b) {
  return (a - b).abs().max().item<double>();
}

at::Tensor packed_linear(PackedWeights& packed, const at::Tensor& x, const at::Tensor& w) {
  const PackedWeightsScope scope(packed);
  return slipway::linear(x, w);
}

bool within(const PackedWeight& weight, const std::vector<std::byte>& memory) {
  return weight.panels >= memory.data() &&
         weight.panels + packed_bytes(weight.storage, weight.n, 40) <=
             memory.data() + memory.size();
}

struct PackedWeightsTest : testing::Test {
  at::NoGradGuard no_grad;
  at::Tensor x = at::randn({5, 40}), first = at::randn({70, 40}), second = at::randn({70, 40}),
             third = at::randn({70, 40});
  PackedWeights packed;
  void SetUp() override { packed.keep_those_in({first, second, third}); }
};

TEST_F(PackedWeightsTest, ChangedWeightsArePackedAnewOnceForgotten) {
  packed.forget(WeightStorage::kFloat32);
  EXPECT_LT(largest(packed_linear(packed, x, first), at::linear(x, first)), 1e-4);
  first.mul_(2);
  packed.forget(WeightStorage::kFloat32);
  EXPECT_LT(largest(packed_linear(packed, x, first), at::linear(x, first)), 1e-4);
  first.mul_(2);
  packed.give_back();
  EXPECT_LT(largest(packed_linear(packed, x, first), at::linear(x, first)), 1e-4);
}

TEST_F(PackedWeightsTest, WhatIsBorrowedIsUsedAsFarAsItReaches) {
  std::vector<std::byte> memory(static_cast<size_t>(packed_bytes(WeightStorage::kFloat32, 70, 40)) +
                                100),
      before;
  for (int i = 0; i < 2; ++i) {
    packed.borrow(memory);
    packed.forget(WeightStorage::kFloat32);
    EXPECT_TRUE(within(packed.of(first), memory));
    EXPECT_FALSE(within(packed.of(second), memory));
    EXPECT_LT(largest(packed_linear(packed, x, first), at::linear(x, first)), 1e-4);
    EXPECT_LT(largest(packed_linear(packed, x, second), at::linear(x, second)), 1e-4);
    packed.give_back();
    std::ranges::fill(memory, std::byte{0x7f});
    before = memory;
    EXPECT_LT(largest(packed_linear(packed, x, third), at::linear(x, third)), 1e-4);
    EXPECT_LT(largest(packed_linear(packed, x, second), at::linear(x, second)), 1e-4);
    EXPECT_EQ(memory, before) << "written to after it was given back";
  }
}

TEST_F(PackedWeightsTest, AnotherStorageBeginsAtTheStartOfWhatIsBorrowed) {
  std::vector<std::byte> memory(static_cast<size_t>(packed_bytes(WeightStorage::kFloat32, 70, 40)) +
                                100);
  packed.borrow(memory);
  packed.forget(WeightStorage::kFloat32);
  EXPECT_TRUE(within(packed.of(first), memory));
  packed.forget(WeightStorage::kInt8);
  EXPECT_TRUE(within(packed.of(first), memory));
  packed.forget(WeightStorage::kFloat32);
  EXPECT_TRUE(within(packed.of(first), memory));
  EXPECT_LT(largest(packed_linear(packed, x, first), at::linear(x, first)), 1e-4);
}

TEST_F(PackedWeightsTest, AMatrixThatIsMadeForEachCallIsNotTakenForTheOneBefore) {
  packed.forget(WeightStorage::kFloat32);
  const void* before = nullptr;
  int met_again = 0;
  for (int i = 0; i < 20; ++i) {
    // a transposing layer's
    const at::Tensor stored = at::randn({40, 70}), made = stored.t().contiguous();
    met_again += made.const_data_ptr() == before ? 1 : 0;
    before = made.const_data_ptr();
    EXPECT_LT(largest(packed_linear(packed, x, made), at::linear(x, made)), 1e-4) << i;
  }
  std::printf("%d of 20 matrices lay where the one before had lain\n", met_again);
  EXPECT_GT(met_again, 0) << "the test meets what it is about";
  EXPECT_FALSE(packed.keeps(at::randn({70, 40})));
  EXPECT_TRUE(packed.keeps(first));
  EXPECT_TRUE(packed.keeps(first.narrow(0, 10, 20)));
}

}  // namespace
}  // namespace slipway
