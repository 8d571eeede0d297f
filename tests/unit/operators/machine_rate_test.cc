// The rate that a run is judged by.
#include "operators/machine_rate.h"

#include <gtest/gtest.h>

namespace slipway {
namespace {

TEST(MachineRate, IsMeasuredOnce) {
  const double first = machine_sgemm();
  EXPECT_GT(first, 1e7);
  EXPECT_EQ(machine_sgemm(), first);
}

}  // namespace
}  // namespace slipway
