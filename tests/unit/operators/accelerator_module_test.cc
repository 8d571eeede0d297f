// Which device a process takes.
#include "operators/accelerator/accelerator_module.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace slipway {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::ThrowsMessage;

TEST(DeviceOfRank, IsThatOfItsLocalRank) {
  EXPECT_EQ(device_of_rank({}, 1, false), 0);
  EXPECT_EQ(device_of_rank({}, 8, false), 0);
  EXPECT_EQ(device_of_rank({3, 4}, 4, false), 3);
  EXPECT_EQ(device_of_rank({3, 4}, 8, true), 3);
}

// As Slurm shows each task its own; whether it is, the ranks find out when they meet.
TEST(DeviceOfRank, IsTheOneThatALauncherShows) {
  EXPECT_EQ(device_of_rank({3, 4}, 1, true), 0);
  EXPECT_EQ(device_of_rank({0, 4}, 1, true), 0);
}

TEST(DeviceOfRank, FewerDevicesThanRanksAreRefused) {
  EXPECT_THAT([] { device_of_rank({0, 2}, 1, false); },
              ThrowsMessage<Error>(AllOf(
                  HasSubstr("each of the 2 processes of this machine computes on a GPU of its own, "
                            "and 1 is to be seen here: start at most 1"),
                  HasSubstr("device = \"cpu\""))));
  EXPECT_THAT([] { device_of_rank({1, 4}, 3, true); },
              ThrowsMessage<Error>(HasSubstr("3 are to be seen here (CUDA_VISIBLE_DEVICES): start "
                                             "at most 3 (slipway launch --nproc 3)")));
}

}  // namespace
}  // namespace slipway
