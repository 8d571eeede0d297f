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
    ASSERT_GT(rotary_table(highest + 1, kHalf, kTheta).positions, highest);
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

}  // namespace
}  // namespace slipway
