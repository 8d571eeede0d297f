// Functions of one number against those of the C library in float64.
#include "kernels/cpu/curves.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <limits>

#include "tests/unit/largest.h"

namespace slipway::kernels {
namespace {

TEST(Curves, AreThoseOfTheLibrary) {
  double tangent = 0, share = 0, density = 0;
  for (int i = -120000; i <= 120000; ++i) {
    const float x = static_cast<float>(i) * 1e-4f;
    const double exact = static_cast<double>(x), t = std::tanh(exact);
    tangent = largest_of({tangent, std::abs(static_cast<double>(hyperbolic_tangent(x)) - t) /
                                       std::max(std::abs(t), 1e-30)});
    share = largest_of({share, std::abs(static_cast<double>(normal_share(x)) -
                                        std::erfc(-exact / std::sqrt(2.0)) / 2)});
    density = largest_of({density, std::abs(static_cast<double>(normal_density(x)) -
                                            std::exp(-exact * exact / 2) / std::sqrt(2 * M_PI))});
  }
  std::printf("largest differences: tanh %.3g of it, share %.3g, density %.3g\n", tangent, share,
              density);
  EXPECT_LT(tangent, 2.4e-7);
  EXPECT_LT(share, 2e-7);
  EXPECT_LT(density, 1e-7);
}

TEST(Curves, FarOutAndNoNumbers) {
  constexpr float kFar = std::numeric_limits<float>::infinity();
  for (const float x : {30.0f, 1e30f, kFar}) {
    EXPECT_EQ(hyperbolic_tangent(x), 1.0f);
    EXPECT_EQ(hyperbolic_tangent(-x), -1.0f);
    EXPECT_EQ(normal_share(x), 1.0f);
    EXPECT_EQ(normal_share(-x), 0.0f);
  }
  EXPECT_TRUE(std::isnan(hyperbolic_tangent(NAN)));
  EXPECT_TRUE(std::isnan(normal_share(NAN)));
}

}  // namespace
}  // namespace slipway::kernels
