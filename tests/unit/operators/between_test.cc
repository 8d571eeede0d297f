// Blocks that keep what lies between their products in bfloat16, against themselves in float32: by
// every kernel, with widths and rows that fill the kernels' blocks and that do not.
#include "operators/between.h"

#include <gtest/gtest.h>

#include "operators/rounding_scope.h"
#include "operators/blocks.h"
#include "operators/kernels_of.h"
#include "tests/unit/kernels/cpu/emulated_bf16.h"
#include "tests/unit/largest.h"

namespace slipway {
namespace {

constexpr double kEps = 1e-5;

struct Case {
  int64_t rows, hidden, inner;
};
constexpr Case kCases[] = {{70, 40, 52}, {33, 64, 96}, {64, 64, 352}};

at::Tensor leaf(at::IntArrayRef shape, double scale = 1) {
  return (at::randn(shape) * scale).requires_grad_(true);
}

std::vector<at::Tensor> swiglu_leaves(const Case& c) {
  return {leaf({c.rows, c.hidden}), leaf({c.hidden}), leaf({c.inner, c.hidden}, 0.2),
          leaf({c.inner, c.hidden}, 0.2), leaf({c.hidden, c.inner}, 0.2)};
}
at::Tensor swiglu_of(const std::vector<at::Tensor>& x) {
  return swiglu_block(x[0], {x[1], x[2], x[3], x[4]}, kEps);
}

// Four query heads over two, each as wide as half of the hidden size.
std::vector<at::Tensor> attention_leaves(const Case& c) {
  return {leaf({c.rows, c.hidden}),
          leaf({c.hidden}),
          leaf({2 * c.hidden, c.hidden}, 0.2),
          leaf({c.hidden, c.hidden}, 0.2),
          leaf({c.hidden, c.hidden}, 0.2),
          leaf({c.hidden, 2 * c.hidden}, 0.2)};
}
at::Tensor attention_of(const std::vector<at::Tensor>& x) {
  const auto rows = static_cast<int32_t>(x[0].size(0));
  const AttentionContext context = AttentionContext::packed({0, 5, rows});
  const at::Tensor positions = at::cat({at::arange(5), at::arange(rows - 5)}).to(at::kLong);
  return attention_block(x[0], {x[1], x[2], x[3], x[4], x[5]}, positions, 4, 2, kEps, 1e4, 0.2, 0,
                         context.handle());
}

// What the block gives beside x, and the gradients of its leaves.
using Block = at::Tensor (*)(const std::vector<at::Tensor>&);
std::vector<at::Tensor> results(Block block, const std::vector<at::Tensor>& leaves,
                                const at::Tensor& weights, bool bfloat16) {
  std::vector<at::Tensor> x;
  for (const at::Tensor& each : leaves) x.push_back(each.detach().clone().requires_grad_(true));
  const ProductRoundingScope scope(bfloat16 ? Rounding::kBfloat16 : Rounding::kNone);
  const at::Tensor y = block(x);
  (y * weights).sum().backward();
  std::vector<at::Tensor> out = {y.detach() - x[0].detach()};
  for (const at::Tensor& each : x) out.push_back(each.grad());
  return out;
}

class BetweenBf16 : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (!use_bf16_kernel(GetParam())) GTEST_SKIP() << "skipped: no " << GetParam() << " here";
  }
  void TearDown() override { use_own_bf16_kernel(); }

  static void compare(Block block, const std::vector<at::Tensor>& leaves) {
    const at::Tensor weights = at::randn_like(leaves[0]);
    const auto exact = results(block, leaves, weights, false),
               rounded = results(block, leaves, weights, true);
    double largest = 0;
    for (size_t i = 0; i < exact.size(); ++i)
      largest =
          largest_of({largest, ((rounded[i] - exact[i]).norm() / exact[i].norm()).item<double>()});
    std::printf("%s: values and gradients differ by %.2g of their size at most\n", GetParam(),
                largest);
    EXPECT_LT(largest, 0.02);
    EXPECT_GT(largest, 1e-4);  // it was rounded
  }

  // A block that is computed again for its backward pass must see what it saw.
  static void compute_again(Block block, const std::vector<at::Tensor>& leaves) {
    const ProductRoundingScope scope(Rounding::kBfloat16);
    const at::Tensor recorded = block(leaves).detach();
    const at::NoGradGuard no_grad;
    EXPECT_TRUE(at::equal(block(leaves), recorded));
  }
};

TEST_P(BetweenBf16, SwiGluIsNearFloat32) {
  at::manual_seed(1);
  for (const Case& c : kCases) compare(swiglu_of, swiglu_leaves(c));
}

TEST_P(BetweenBf16, AttentionIsNearFloat32) {
  at::manual_seed(2);
  for (const Case& c : kCases) compare(attention_of, attention_leaves(c));
}

TEST_P(BetweenBf16, WhatIsNotRecordedIsTheSame) {
  at::manual_seed(3);
  for (const Case& c : kCases) {
    compute_again(swiglu_of, swiglu_leaves(c));
    compute_again(attention_of, attention_leaves(c));
  }
}

INSTANTIATE_TEST_SUITE_P(Sets, BetweenBf16,
                         testing::Values("amx", "avx512_bf16", "emulated_amx",
                                         "emulated_avx512_bf16", "portable"),
                         [](const auto& set) { return std::string(set.param); });

TEST(Between, ABackwardPassOutsideOfTheScopeIsRefused) {
  for (const Block block : {Block(swiglu_of), Block(attention_of)}) {
    at::Tensor y;
    {
      const ProductRoundingScope scope(Rounding::kBfloat16);
      y = block(block == swiglu_of ? swiglu_leaves(kCases[0]) : attention_leaves(kCases[0]));
    }
    EXPECT_THROW(y.sum().backward(), std::exception);
  }
}

TEST(Between, KeepsHalfTheMemoryWhereProductsRound) {
  const at::Tensor x = at::empty({3, 8});
  EXPECT_FALSE(Between(kernels_of(x)).bfloat16());
  const ProductRoundingScope scope(Rounding::kBfloat16);
  const Between between(kernels_of(x));
  EXPECT_TRUE(between.bfloat16());
  EXPECT_EQ(between.floats(64, 8), 64 * 8 / 2);
  EXPECT_EQ(between.floats(33, 8), 64 * 8 / 2);  // rows that a product may read
  const at::Tensor kept = between.tensor(33, 8, x.options());
  EXPECT_EQ(kept.scalar_type(), at::kBFloat16);
  EXPECT_EQ(kept.sizes(), (std::vector<int64_t>{33, 8}));
  EXPECT_GE(kept.storage().nbytes(), 64u * 8 * 2);
  PackedWeights packed;
  const PackedWeightsScope decoding(packed);
  EXPECT_FALSE(Between(kernels_of(x)).bfloat16());
}

}  // namespace
}  // namespace slipway
