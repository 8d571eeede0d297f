// What the other ranks say and do when one is lost.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <thread>

#include "base/error.h"
#include "base/files.h"
#include "dist/network.h"
#include "tests/unit/dist/expect_named.h"
#include "tests/unit/dist/processes.h"

namespace slipway {
namespace {

using testing::AllOf;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;

constexpr double kLimit = 2;  // of silence in the scenarios

void wait_until_all_train(Processes& ranks, int64_t world) {
  for (int64_t rank = 0; rank < world; ++rank)
    ASSERT_TRUE(ranks.wait_for_output(rank, "trains", 30)) << "rank " << rank;
}

TEST(LostRank, AKilledOneIsNamedByAllOthers) {
  Processes ranks({"trains"}, 4);
  wait_until_all_train(ranks, 4);
  const std::string pid = std::to_string(ranks.pid(2));
  ranks.signal(2, SIGKILL);
  expect_named(ranks.wait(10), 2, kLimit + 2,
               AllOf(HasSubstr("LOST: rank 2 (host "), HasSubstr("pid " + pid),
                     HasSubstr("is lost: its process has ended without a word; at step ")));
}

TEST(LostRank, TheOneThatKeepsTheStoreIsNamedByAllOthers) {
  Processes ranks({"trains"}, 4);
  wait_until_all_train(ranks, 4);
  ranks.signal(0, SIGKILL);
  expect_named(ranks.wait(10), 0, kLimit + 2, HasSubstr("LOST: rank 0 (host "));
}

TEST(LostRank, AStoppedOneIsNamedByAllOthers) {
  for (const int64_t stopped : {2, 0}) {
    Processes ranks({"trains"}, 3);
    wait_until_all_train(ranks, 3);
    ranks.signal(stopped, SIGSTOP);
    expect_named(ranks.wait(10, stopped), stopped, kLimit + 2,
                 AllOf(HasSubstr(fmt::format("LOST: rank {} (host ", stopped)),
                       HasSubstr("for 2 s; at step "), HasSubstr("it was ")));
  }
}

// SLIPWAY_KILLS=100 in the environment kills and stops so many.
TEST(LostRank, AtAnyMomentItIsNamed) {
  const char* asked = std::getenv("SLIPWAY_KILLS");
  const int count = asked == nullptr ? 3 : std::atoi(asked);
  std::mt19937 random(20);
  double longest = 0;
  for (int i = 0; i < count; ++i) {
    const int64_t world = 2 + i % 3, lost = random() % static_cast<uint32_t>(world);
    const int number = random() % 2 == 0 ? SIGKILL : SIGSTOP;
    Processes ranks({"trains"}, world);
    wait_until_all_train(ranks, world);
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 100'000));
    SCOPED_TRACE(fmt::format("{} of {} by signal {}", lost, world, number));
    ranks.signal(lost, number);
    const std::vector<Ended> ended = ranks.wait(10, lost);
    expect_named(
        ended, lost, kLimit + 2,
        AllOf(HasSubstr(fmt::format("LOST: rank {} (host ", lost)), HasSubstr("; at step ")));
    for (size_t rank = 0; rank < ended.size(); ++rank)
      if (static_cast<int64_t>(rank) != lost) longest = std::max(longest, ended[rank].seconds);
  }
  std::printf("%d ranks killed or stopped: the last of the others ended %.2f s later\n", count,
              longest);
}

TEST(LostRank, AStoppedOneThatGoesOnEndsToo) {
  Processes ranks({"trains"}, 2);
  wait_until_all_train(ranks, 2);
  ranks.signal(1, SIGSTOP);
  for (int i = 0; i < 500 && !ranks.has_ended(0); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  EXPECT_TRUE(ranks.has_ended(0));
  ranks.signal(1, SIGCONT);
  expect_named(ranks.wait(10), -1, 10, HasSubstr("LOST: "));
}

// A scheduler that suspends a job stops all of it.
TEST(LostRank, ARunThatIsStoppedAndGoesOnLosesNobody) {
  Processes ranks({"trains_for", "4"}, 2);
  wait_until_all_train(ranks, 2);
  for (const int64_t rank : {0, 1}) ranks.signal(rank, SIGSTOP);
  std::this_thread::sleep_for(std::chrono::milliseconds(static_cast<int64_t>(1300 * kLimit)));
  for (const int64_t rank : {0, 1}) ranks.signal(rank, SIGCONT);
  for (const Ended& rank : ranks.wait(20)) EXPECT_EQ(rank.code, 0) << rank.errors;
}

TEST(LostRank, OneThatFailsTellsItsReason) {
  for (const int64_t failing : {1, 0}) {
    Processes ranks({"fails", std::to_string(failing), "told"}, 3);
    const auto ended = ranks.wait(10);
    expect_named(ended, failing, 10,
                 AllOf(HasSubstr(fmt::format("LOST: rank {} (host ", failing)),
                       HasSubstr("ended by an error at step 7: no space left on the test's")));
    EXPECT_EQ(ended[static_cast<size_t>(failing)].code, kExitFailure);
    EXPECT_THAT(ended[static_cast<size_t>(failing)].errors, Not(HasSubstr("LOST")));
  }
}

TEST(LostRank, OneThatFailsInSilenceIsNamedAllTheSame) {
  Processes ranks({"fails", "1", "untold"}, 2);
  const auto ended = ranks.wait(10);
  expect_named(ended, 1, 10, HasSubstr("LOST: rank 1 (host "));
  EXPECT_EQ(ended[1].code, kExitFailure);
}

TEST(LostRank, ALoopThatDoesNotHearOfItIsEnded) {
  const std::string file = std::string(SLIPWAY_SCRATCH) + "/told.json";
  Processes ranks({"sits_in_a_plugin", "1"}, 3, {}, {{1, {{"TORCHELASTIC_ERROR_FILE", file}}}});
  wait_until_all_train(ranks, 3);
  ranks.signal(2, SIGKILL);
  const auto ended = ranks.wait(10);
  expect_named(ended, 2, kLimit + 2, HasSubstr("rank 2 (host "));
  EXPECT_THAT(ended[1].errors,
              AllOf(HasSubstr("BEFORE EXIT: rank 2 (host "), Not(HasSubstr("LOST"))));
  EXPECT_THAT(ended[0].errors, Not(HasSubstr("BEFORE EXIT")));
  EXPECT_THAT(read_file(file), HasSubstr("rank 2 (host "));
}

TEST(LostRank, ASlowOneIsNamedAndWaitedFor) {
  Processes ranks({"comes_late", "2", "1", "60"}, 3);
  const auto ended = ranks.wait(20);
  for (const Ended& rank : ended) EXPECT_EQ(rank.code, 0) << rank.errors;
  EXPECT_THAT(ended[0].errors,
              ContainsRegex("rank 0 has waited 1 s to exchange the rewards with rank 1 \\(host .*, "
                            "pid .*\\), at step 4 it was scoring samples"));
  EXPECT_EQ(ended[2].errors, "");
}

TEST(LostRank, OneThatDoesNotComeWithinTheLimitEndsTheGroup) {
  Processes ranks({"comes_late", "30", "60", "1"}, 2);
  expect_named(ranks.wait(10), -1, 10,
               AllOf(HasSubstr("has waited 1 s to exchange the rewards"), HasSubstr("rank 1 (host"),
                     HasSubstr("at step 4 it was scoring samples")));
}

// Ranks under torchrun, whose agent keeps the store.
Processes::Variables in_the_store_of(const Processes& agent) {
  return {{"MASTER_PORT", std::to_string(agent.port())},
          {"TORCHELASTIC_USE_AGENT_STORE", "True"},
          {"TORCHELASTIC_RUN_ID", "night"}};
}

// As under torchrun: the agent keeps the store, rank 0 is a rank like the others.
TEST(LostRank, TheLaunchersStoreOutlivesRank0) {
  Processes agent({"keeps_store"}, 1);
  ASSERT_TRUE(agent.wait_for_output(0, "keeps", 30));
  const Processes::Variables variables = in_the_store_of(agent);
  {
    Processes ranks({"trains"}, 3, variables);
    wait_until_all_train(ranks, 3);
    ranks.signal(0, SIGSTOP);
    expect_named(ranks.wait(10, 0), 0, kLimit + 2,
                 HasSubstr("is lost: nothing was heard of it for 2 s; at step "));
  }
  // The next start finds what the first left in the store.
  Processes ranks({"trains"}, 2, variables);
  wait_until_all_train(ranks, 2);
  agent.signal(0, SIGKILL);
  expect_named(ranks.wait(10), -1, kLimit + 2,
               AllOf(HasSubstr("LOST: the store at 127.0.0.1:"), HasSubstr("the launcher keeps")));
}

void wait_until_met_half_way(Processes& ranks, const std::vector<int64_t>& those) {
  for (const int64_t rank : those) ASSERT_TRUE(ranks.wait_for_output(rank, "comes", 30)) << rank;
  ASSERT_TRUE(wait_for_port("127.0.0.1", ranks.port(), 10));
  std::this_thread::sleep_for(std::chrono::milliseconds(800));
}

// Rank 1 says so, of three of which rank 2 does not come.
void lose_rank_0_while_they_meet(Processes& ranks, int number,
                                 const testing::Matcher<std::string>& words) {
  ranks.signal(0, number);
  std::this_thread::sleep_for(std::chrono::milliseconds(static_cast<int64_t>(1000 * kLimit)));
  ranks.signal(2, SIGKILL);
  const auto ended = ranks.wait(10, 0);
  EXPECT_EQ(ended[1].code, kExitRankLost) << ended[1].errors;
  EXPECT_LT(ended[1].seconds, 2) << "after the limit";
  EXPECT_THAT(ended[1].errors, AllOf(words, HasSubstr("while the ranks met")));
}

// Rank 2 does not come: the others wait for it in the store, and it is rank 0 that is lost.
TEST(LostRank, TheOneThatKeepsTheStoreIsNamedWhileTheyMeet) {
  for (const int number : {SIGKILL, SIGSTOP}) {
    SCOPED_TRACE(number);
    Processes ranks({"stays_away", "2"}, 3);
    wait_until_met_half_way(ranks, {0, 1});
    lose_rank_0_while_they_meet(ranks, number,
                                HasSubstr("LOST: rank 0, which keeps the store, is lost: the store "
                                          "at"));
  }
}

TEST(LostRank, OneIsNamedWhileTheyMeetInTheLaunchersStore) {
  Processes agent({"keeps_store"}, 1);
  ASSERT_TRUE(agent.wait_for_output(0, "keeps", 30));
  const Processes::Variables variables = in_the_store_of(agent);
  for (const int number : {SIGKILL, SIGSTOP}) {
    SCOPED_TRACE(number);
    Processes ranks({"stays_away", "2"}, 3, variables);
    for (const int64_t rank : {0, 1}) ASSERT_TRUE(ranks.wait_for_output(rank, "comes", 30));
    std::this_thread::sleep_for(std::chrono::milliseconds(1500));
    lose_rank_0_while_they_meet(
        ranks, number,
        AllOf(HasSubstr("LOST: rank 0 (host "),
              HasSubstr(number == SIGKILL ? "its process has ended without a word"
                                          : "nothing was heard of it for 2 s")));
  }
}

TEST(LostRank, OneThatIsDoneIsNotWaitedFor) {
  Processes ranks({"leaves_early"}, 3);
  const auto ended = ranks.wait(10);
  expect_named(ended, 1, 10, AllOf(HasSubstr("rank 1 (host"), HasSubstr("is done and takes no")));
  EXPECT_EQ(ended[1].code, 0) << ended[1].errors;
}

TEST(LostRank, RanksThatEndApartAreNotLost) {
  for (const char* scenario : {"ends_apart", "forgets_exchanges"}) {
    Processes ranks({scenario}, 3);
    for (const Ended& rank : ranks.wait(10)) {
      EXPECT_EQ(rank.code, 0) << scenario;
      EXPECT_EQ(rank.errors, "") << scenario;
    }
  }
}

}  // namespace
}  // namespace slipway
