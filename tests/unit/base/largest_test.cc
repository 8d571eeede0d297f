// What tests bound their differences by: no number is lost, wherever it stands.
#include "tests/unit/largest.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace slipway {
namespace {

TEST(Largest, IsTheLargest) {
  EXPECT_EQ(largest_of({0.0, 3.0, 2.0}), 3.0);
  EXPECT_EQ(largest_of({0.5f}), 0.5f);
  EXPECT_EQ(largest_of({1.0, std::numeric_limits<double>::infinity(), 2.0}),
            std::numeric_limits<double>::infinity());
}

TEST(Largest, WhatIsNoNumberIsInfinitelyFar) {
  for (const double none : {std::nan(""), -std::nan("")}) {
    for (const double far : {largest_of({none}), largest_of({none, 1.0}), largest_of({1.0, none}),
                             largest_of({2.0, none, 1.0})})
      EXPECT_EQ(far, std::numeric_limits<double>::infinity());
    // as tests keep it, where numbers follow
    double largest = 0;
    for (const double each : {1.0, none, 2.0}) largest = largest_of({largest, each});
    EXPECT_EQ(largest, std::numeric_limits<double>::infinity());
  }
  EXPECT_EQ(largest_of({0.0f, std::nanf("")}), std::numeric_limits<float>::infinity());
}

}  // namespace
}  // namespace slipway
