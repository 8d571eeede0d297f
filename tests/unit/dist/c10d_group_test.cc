#include "dist/c10d_group.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/dist/processes.h"

namespace slipway {
namespace {

void expect_all_well(const std::vector<Ended>& ranks) {
  for (size_t rank = 0; rank < ranks.size(); ++rank) {
    EXPECT_TRUE(ranks[rank].in_time) << "rank " << rank;
    EXPECT_EQ(ranks[rank].code, 0) << "rank " << rank << ": " << ranks[rank].errors;
    EXPECT_EQ(ranks[rank].errors, "") << "rank " << rank;
  }
}

TEST(C10dGroup, TwoAndFourRanksExchangeWhatIsExpected) {
  for (const int64_t world : {2, 4}) {
    Processes ranks({"collectives"}, world);
    expect_all_well(ranks.wait(60));
  }
}

TEST(C10dGroup, AProcessAloneStartsNothing) { EXPECT_EQ(join(Place()), nullptr); }

}  // namespace
}  // namespace slipway
