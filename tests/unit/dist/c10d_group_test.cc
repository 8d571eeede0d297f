#include "dist/c10d_group.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "tests/unit/dist/processes.h"

namespace slipway {
namespace {

using testing::HasSubstr;

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

TEST(C10dGroup, RanksOfOtherTokensDoNotMeet) {
  Processes ranks({"meets", "1"}, 2, {}, {{1, {{"SLIPWAY_RUN_TOKEN", "another"}}}});
  const auto ended = ranks.wait(20);
  EXPECT_EQ(ended[0].code, kExitFailure);
  EXPECT_NE(ended[1].code, 0);
  const char* missing =
      "of the run's 2 processes, rank {} did not come within 1 s: see its output. ";
  EXPECT_THAT(ended[0].errors, HasSubstr(fmt::format(fmt::runtime(missing), 1)));
  // Rank 0 may give up first, and its store ends with it.
  EXPECT_THAT(ended[1].errors,
              testing::AnyOf(HasSubstr(fmt::format(fmt::runtime(missing), 0)),
                             HasSubstr("rank 0, which keeps the store, is lost: the store at")));
}

TEST(C10dGroup, RanksOfOneTokenMeet) {
  Processes ranks({"meets", "20"}, 2, {{"SLIPWAY_RUN_TOKEN", "secret"}});
  expect_all_well(ranks.wait(20));
}

TEST(C10dGroup, AnInterfaceIsTakenByItsName) {
  Processes ranks({"meets", "20"}, 2, {{"GLOO_SOCKET_IFNAME", "lo"}});
  expect_all_well(ranks.wait(20));
  Processes wrong({"meets", "20"}, 2, {{"GLOO_SOCKET_IFNAME", "eth99"}});
  for (const Ended& rank : wrong.wait(20)) {
    EXPECT_EQ(rank.code, kExitFailure);
    EXPECT_THAT(rank.errors, HasSubstr("GLOO_SOCKET_IFNAME names eth99"));
  }
}

TEST(C10dGroup, AProcessAloneStartsNothing) { EXPECT_EQ(join(Place()), nullptr); }

}  // namespace
}  // namespace slipway
