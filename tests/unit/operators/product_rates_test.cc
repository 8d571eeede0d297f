// What is called fast, by two rates; and that they are those of products.
#include "operators/product_rates.h"

#include <gtest/gtest.h>

#include <array>

#include "compute/torch.h"
#include "kernels/cpu/cpu_kernels.h"
#include "kernels/cpu/gemm_bf16.h"
#include "operators/rounding_scope.h"

namespace slipway {
namespace {

TEST(ProductRates, NothingIsCalledFastThatIsNotFaster) {
  EXPECT_EQ(why_bf16_is_slow({.float32 = 210e9, .bfloat16 = 211e9}), "");
  EXPECT_EQ(why_bf16_is_slow({.float32 = 230e9, .bfloat16 = 190e9}),
            "measured at 190 GFLOP/s, those in float32 at 230");
  EXPECT_NE(why_bf16_is_slow({.float32 = 230e9, .bfloat16 = 230e9}), "");
}

TEST(ProductRates, AreMeasuredOnceWhereThereAreInstructions) {
  const auto& rates = product_rates();
  ASSERT_EQ(rates.has_value(), gemm_bf16::instruction_set() != "portable");
  EXPECT_EQ(&rates, &product_rates());
  EXPECT_EQ(why_no_bf16().empty(), rates.has_value());
  if (!rates) {
    EXPECT_EQ(why_bf16_is_slow(), why_no_bf16());
    GTEST_SKIP() << "skipped: " << why_no_bf16();
  }
  EXPECT_EQ(why_bf16_is_slow(), why_bf16_is_slow(*rates));
  for (const double rate : {rates->float32, rates->bfloat16}) {
    EXPECT_GT(rate, 1e7);
    EXPECT_LT(rate, 1e16);
  }
}

// The product of 1 + 2^-9 with itself tells whether operands were rounded.
TEST(ProductRates, MeasuringLeavesProductsAsTheyWere) {
  const auto rounds = [] {
    const float x = 1.001953125f;
    float y = 0;
    const Weight weight{&x, 1};
    cpu_kernels().forward_product(&x, 1, 1, 1, {&weight, 1}, nullptr, &y, 1);
    return y == 1;
  };
  product_rates();
  EXPECT_FALSE(rounds());
  const ProductRoundingScope scope(Rounding::kBfloat16);
  product_rates();
  EXPECT_TRUE(rounds());
}

}  // namespace
}  // namespace slipway
