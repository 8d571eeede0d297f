// Running a kernel on the emulator in both orders of threads, and comparing with the host's
// operator.
#pragma once
#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <random>

#include "tests/unit/kernels/cuda/emulated_kernels.h"
#include "tests/unit/largest.h"

namespace slipway::cuda {

inline std::vector<float> random_values(int64_t count, uint32_t seed, float scale = 1) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> normal(0, scale);
  std::vector<float> out(static_cast<size_t>(count));
  for (float& value : out) value = normal(generator);
  return out;
}

// What `work(kernels)` gives, a vector; the order in which a block's threads run must not change a
// bit of it.
template <class Work>
auto in_both_orders(const Work& work) {
  const auto ascending = emulated_kernels(ThreadOrder::kAscending),
             descending = emulated_kernels(ThreadOrder::kDescending);
  const auto first = work(*ascending), second = work(*descending);
  EXPECT_TRUE(first == second) << "threads race: their order changes the result";
  return first;
}

// Prints the largest difference, relative to the largest value where that is above 1.
inline void expect_near(const char* what, const std::vector<float>& ours,
                        const std::vector<float>& theirs, float tolerance) {
  ASSERT_EQ(ours.size(), theirs.size());
  float difference = 0, largest = 1;
  for (size_t i = 0; i < ours.size(); ++i) {
    difference = largest_of({difference, std::fabs(ours[i] - theirs[i])});
    // An infinite bound would let everything pass.
    if (std::isfinite(theirs[i])) largest = std::fmax(largest, std::fabs(theirs[i]));
  }
  std::printf("%s: largest difference %.3g of %.3g\n", what, static_cast<double>(difference),
              static_cast<double>(largest));
  EXPECT_LE(difference, tolerance * largest) << what;
}

}  // namespace slipway::cuda
