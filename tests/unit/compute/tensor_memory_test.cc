// Tensors of one size lie in one place, whatever small things come between.
#include "compute/tensor_memory.h"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "compute/torch.h"

namespace slipway {
namespace {

struct TensorMemoryTest : testing::Test {
  void SetUp() override { keep_tensor_memory(); }
};

at::Tensor of_bytes(size_t bytes) { return at::empty({static_cast<int64_t>(bytes)}, at::kByte); }

TEST_F(TensorMemoryTest, BlocksAreAligned) {
  std::vector<at::Tensor> all;
  for (const size_t bytes : {size_t{1}, size_t{63}, size_t{4096}, size_t{1000003}, kKeptBytes}) {
    all.push_back(of_bytes(bytes));
    all.back().fill_(7);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(all.back().data_ptr()) % 64, 0) << bytes;
  }
  for (const at::Tensor& each : all) EXPECT_EQ(each.min().item<int>(), 7);
  EXPECT_EQ(of_bytes(0).data_ptr(), nullptr);
}

TEST_F(TensorMemoryTest, TheLargestBlockWaitsForTheNextTensorThatFits) {
  at::Tensor first = of_bytes(3 * kKeptBytes), other = of_bytes(2 * kKeptBytes);
  const void* const large = first.data_ptr();
  first.reset(), other.reset();
  std::vector<std::unique_ptr<char[]>> small;  // what would take a part of a hole
  for (int i = 0; i < 1000; ++i) small.push_back(std::make_unique<char[]>(1000));
  at::Tensor again = of_bytes(3 * kKeptBytes);
  EXPECT_EQ(again.data_ptr(), large);
  again.reset();
  const at::Tensor shorter = of_bytes(2 * kKeptBytes);
  EXPECT_EQ(shorter.data_ptr(), large);
  EXPECT_EQ(shorter.nbytes(), 2 * kKeptBytes);
}

TEST_F(TensorMemoryTest, MostOfABlockIsNotLeftUnused) {
  at::Tensor large = of_bytes(4 * kKeptBytes);
  const void* const before = large.data_ptr();
  large.reset();
  const at::Tensor small = of_bytes(kKeptBytes);
  EXPECT_NE(small.data_ptr(), before);
  EXPECT_EQ(of_bytes(4 * kKeptBytes).data_ptr(), before);
}

TEST_F(TensorMemoryTest, WhatCannotBeHadIsSaidInLibTorchsWords) {
#if defined(__SANITIZE_ADDRESS__)
  GTEST_SKIP() << "the sanitizer ends the process at such a request";
#endif
  for (const int64_t bytes : {int64_t{1} << 60, INT64_MAX}) {
    try {
      at::empty({bytes}, at::kByte);
      FAIL() << bytes;
    } catch (const c10::Error& e) {
      EXPECT_NE(e.msg().find("can't allocate memory"), std::string::npos) << e.msg();
    }
  }
}

}  // namespace
}  // namespace slipway
