// Measuring the machine: plausible rates, and settings as they were.
#include "compute/measure.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace slipway {
namespace {

TEST(Measure, RatesAreThoseOfAComputer) {
  const double sgemm = measure_sgemm(256, 256, 256, 0.01), few = measure_sgemm(8, 256, 256, 0.01),
               read = measure_read(32 << 20, 0.01);
  std::printf("sgemm %.1f GFLOP/s, with 8 rows %.1f; reads %.1f GB/s\n", sgemm / 1e9, few / 1e9,
              read / 1e9);
  for (const double rate : {sgemm, few, read}) {
    EXPECT_GT(rate, 1e7);
    EXPECT_LT(rate, 1e16);
  }
}

TEST(Measure, AScopeOfThreadsEnds) {
  const int before = thread_count();
  {
    const ThreadCountScope one(1);
    EXPECT_EQ(thread_count(), 1);
    EXPECT_GT(measure_read(1 << 20, 0), 0);
  }
  EXPECT_EQ(thread_count(), before);
}

TEST(Measure, LibTorchSaysWhatItIs) {
  EXPECT_THAT(torch_version(), testing::ContainsRegex("^[0-9]+\\.[0-9]+"));
  EXPECT_THAT(torch_build(), testing::HasSubstr("built with"));
  EXPECT_FALSE(torch_kernels().empty());
}

}  // namespace
}  // namespace slipway
