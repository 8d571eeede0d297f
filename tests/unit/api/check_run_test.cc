// What a run is told of its keys before it begins.
#include "api/check_run.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace slipway {
namespace {

using testing::AllOf;
using testing::HasSubstr;

TEST(Bf16Warning, TellsWhatTheRunComputesInAndWhatWasMeasured) {
  EXPECT_EQ(bf16_warning("", ""), "");
  EXPECT_THAT(bf16_warning("no instructions", "no instructions"),
              HasSubstr("not fast here (no instructions); the run is float32"));
  EXPECT_THAT(bf16_warning("", "measured at 190 GFLOP/s, those in float32 at 230"),
              AllOf(HasSubstr("not faster here (measured at 190 GFLOP/s, those in float32 at 230)"),
                    HasSubstr("the run rounds to bfloat16 all the same")));
}

}  // namespace
}  // namespace slipway
