// Ranks whose devices exchange: emulated accelerators, and a stand-in for NCCL.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <thread>

#include "base/error.h"
#include "tests/unit/dist/expect_named.h"
#include "tests/unit/dist/processes.h"
#include "tests/unit/scratch.h"

namespace slipway {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class DeviceRanks : public testing::Test {
 protected:
  void SetUp() override {
#ifndef SLIPWAY_NCCL_MODULE
    GTEST_SKIP() << "skipped: the NCCL module was not built";
#endif
  }
  std::unique_ptr<Processes> start(std::vector<std::string> arguments, int64_t world,
                                   Processes::Variables more = {}) const {
    more["SLIPWAY_STAND_IN_FOLDER"] = scratch().string();
    return std::make_unique<Processes>(std::move(arguments), world, more);
  }
  static void expect_well(const std::vector<Ended>& ranks) {
    for (size_t rank = 0; rank < ranks.size(); ++rank) {
      EXPECT_TRUE(ranks[rank].in_time) << "rank " << rank;
      EXPECT_EQ(ranks[rank].code, 0) << "rank " << rank << ": " << ranks[rank].errors;
      EXPECT_EQ(ranks[rank].errors, "") << "rank " << rank;
    }
  }
};

TEST_F(DeviceRanks, ExchangeWhatIsExpected) {
  for (const int64_t world : {2, 4}) {
    const auto ranks = start({"collectives_of_devices"}, world);
    expect_well(ranks->wait(60));
  }
}

// Whether the loop looks at results or only asks for more: it ends within the limit, and never
// takes what is left of a broken exchange for a sum.
TEST_F(DeviceRanks, AKilledOrStoppedOneIsNamedByTheOthersWhateverTheyDo) {
  for (const char* looks : {"looks", "asks"})
    for (const int number : {SIGKILL, SIGSTOP}) {
      SCOPED_TRACE(fmt::format("{}, by signal {}", looks, number));
      const auto ranks = start({"trains_on_devices", looks}, 3);
      for (int64_t rank = 0; rank < 3; ++rank)
        ASSERT_TRUE(ranks->wait_for_output(rank, "trains", 30)) << "rank " << rank;
      ranks->signal(1, number);
      expect_named(ranks->wait(10, number == SIGSTOP ? 1 : -1), 1, 4,
                   AllOf(HasSubstr("LOST: rank 1 (host "), HasSubstr("; at step ")));
    }
}

TEST_F(DeviceRanks, AnErrorOfTheLibraryEndsAllOfThem) {
  const auto ranks = start({"trains_on_devices", "looks"}, 2, {{"SLIPWAY_STAND_IN_FAILS", "1:7"}});
  expect_named(ranks->wait(15), -1, 15,
               AllOf(HasSubstr("exchanging what the devices share broke while every rank is alive "
                               "(a stand-in's remote error)")));
}

TEST_F(DeviceRanks, ASlowOneIsNamedAndWaitedFor) {
  const auto ranks = start({"comes_late_on_a_device", "2", "1", "60"}, 3);
  const auto ended = ranks->wait(20);
  for (const Ended& rank : ended) EXPECT_EQ(rank.code, 0) << rank.errors;
  EXPECT_THAT(ended[0].errors,
              testing::ContainsRegex("rank 0 has waited 1 s to exchange the gradients with rank 1 "
                                     "\\(host .*, pid .*\\), at step 4 it was scoring samples"));
  EXPECT_EQ(ended[2].errors, "");
}

TEST_F(DeviceRanks, OneThatDoesNotComeWithinTheLimitEndsTheGroup) {
  const auto ranks = start({"comes_late_on_a_device", "30", "60", "1"}, 2);
  expect_named(ranks->wait(10), -1, 10,
               AllOf(HasSubstr("s to exchange the gradients"), HasSubstr("rank 1 (host"),
                     HasSubstr("at step 4 it was scoring samples")));
}

TEST_F(DeviceRanks, OneThatIsDoneIsNotWaitedFor) {
  const auto ranks = start({"leaves_early_with_a_device"}, 3);
  const auto ended = ranks->wait(10);
  expect_named(ended, 1, 10, AllOf(HasSubstr("rank 1 (host"), HasSubstr("is done and takes no")));
  EXPECT_EQ(ended[1].code, 0) << ended[1].errors;
}

TEST_F(DeviceRanks, OneDeviceForTwoIsRefused) {
  for (const Ended& rank : start({"shares_a_device"}, 2)->wait(20)) {
    EXPECT_EQ(rank.code, kExitFailure);
    EXPECT_THAT(rank.errors, HasSubstr("ERROR: ranks 0 and 1 compute on one GPU (emulator, "
                                       "emulated-0)"));
  }
}

TEST_F(DeviceRanks, ADeviceForSomeAloneIsRefused) {
  for (const Ended& rank : start({"lacks_a_device"}, 2)->wait(20)) {
    EXPECT_EQ(rank.code, kExitFailure);
    EXPECT_THAT(rank.errors, HasSubstr("rank 0 computes on emulator, rank 1 on the processor"));
  }
}

TEST_F(DeviceRanks, WithoutAConnectionTheirTensorsAreRefused) {
  for (const Ended& rank : start({"has_no_devices"}, 2)->wait(20)) {
    EXPECT_EQ(rank.code, 0) << rank.errors;
    EXPECT_THAT(rank.output, HasSubstr("numbers of a test lie on devices that are not connected"));
  }
}

}  // namespace
}  // namespace slipway
