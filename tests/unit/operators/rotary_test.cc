// The table of angles grows with the positions that are asked for.
#include "operators/rotary.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "operators/accelerator/device_tensors.h"

namespace slipway {
namespace {

TEST(Rotary, TheHighestPositionLiesInTheTable) {
  constexpr int64_t kHalf = 3;
  constexpr double kTheta = 12345.0;  // nobody else's table
  const std::vector<float> frequencies = rotary_frequencies(kHalf, kTheta);
  for (const int64_t highest : {0, 255, 256, 257, 511, 512, 5000}) {
    const RotaryAngles table = rotary_angles(int64_tensor({0, highest, 1}), kHalf, kTheta);
    ASSERT_EQ(table.half, kHalf);
    for (int64_t i = 0; i < kHalf; ++i) {
      const double angle =
          static_cast<double>(static_cast<float>(highest) * frequencies[static_cast<size_t>(i)]);
      EXPECT_NEAR(static_cast<double>(table.cos[highest * kHalf + i]), std::cos(angle), 1e-6)
          << highest;
      EXPECT_NEAR(static_cast<double>(table.sin[highest * kHalf + i]), std::sin(angle), 1e-6)
          << highest;
    }
  }
  EXPECT_THROW(rotary_angles(int64_tensor({3, -1}), kHalf, kTheta), Error);
}

TEST(Rotary, FrequenciesAndScalesHaveTablesOfTheirOwn) {
  const at::Tensor inverse = at::tensor(at::ArrayRef<float>({1.0f, 0.25f})),
                   other = at::tensor(at::ArrayRef<float>({1.0f, 0.5f}));
  const at::Tensor positions = int64_tensor({3});
  const auto at_three = [&](const at::Tensor& frequencies, double scale) {
    return static_cast<double>(rotary_angles(positions, frequencies, scale).cos[3 * 2 + 1]);
  };
  EXPECT_NEAR(at_three(inverse, 1), std::cos(0.75), 1e-6);
  EXPECT_NEAR(at_three(other, 1), std::cos(1.5), 1e-6);
  EXPECT_NEAR(at_three(inverse, 1.25), 1.25 * std::cos(0.75), 1e-6);
  EXPECT_EQ(rotary_angles(positions, inverse, 1).cos, rotary_angles(positions, inverse, 1).cos);
}

}  // namespace
}  // namespace slipway
