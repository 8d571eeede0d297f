#include "dist/judge.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace slipway {
namespace {

using testing::HasSubstr;

constexpr double kSilence = 30;

// Ranks 0 to 2; rank 0 judges.
struct Court {
  Judge judge{{{"a", 10, ""}, {"b", 11, ""}, {"c", 12, ""}}, 0, kSilence};
  std::vector<Beat> beats = std::vector<Beat>(3);
  std::vector<bool> gone = std::vector<bool>(3);
  WaitedExchange waited = {.group = "", .ranks = {0, 1, 2}, .number = 5, .what = "the gradients"};

  // Every rank of `alive` moved.
  void hear(double seconds, const std::vector<size_t>& alive) {
    for (const size_t rank : alive) ++beats[rank].count;
    judge.heard(beats, gone, seconds);
  }
};

TEST(Judge, NobodyIsLostWhoMoves) {
  Court court;
  for (int i = 0; i < 100; ++i) court.hear(29, {0, 1, 2});
  EXPECT_EQ(court.judge.verdict(&court.waited), "");
}

TEST(Judge, SilenceBeyondTheLimitIsALoss) {
  Court court;
  court.beats[1].step = 17;
  court.beats[1].doing = "exchanging the gradients";
  court.hear(1, {0, 1, 2});
  for (int i = 0; i < 30; ++i) court.hear(1, {0, 2});
  EXPECT_EQ(court.judge.verdict(nullptr), "");
  court.hear(0.1, {0, 2});
  EXPECT_EQ(court.judge.verdict(nullptr),
            "rank 1 (host b, pid 11) is lost: nothing was heard of it for 30 s; at step 17 it was "
            "exchanging the gradients");
  court.hear(1, {1});
  EXPECT_EQ(court.judge.verdict(nullptr), "");
}

TEST(Judge, ItDoesNotJudgeItself) {
  Court court;
  court.gone[0] = true;
  for (int i = 0; i < 5; ++i) court.hear(20, {1, 2});
  EXPECT_EQ(court.judge.verdict(nullptr), "");
}

TEST(Judge, AProcessThatIsGoneIsLostOnceItsLastBeatIsRead) {
  Court court;
  court.gone[2] = true;
  court.hear(1, {0, 1, 2});
  EXPECT_EQ(court.judge.verdict(nullptr), "");
  court.hear(1, {0, 1});
  EXPECT_EQ(court.judge.verdict(nullptr),
            "rank 2 (host c, pid 12) is lost: its process has ended without a word; at step 0 it "
            "was starting");
}

TEST(Judge, AReasonGoesBeforeASilence) {
  Court court;
  court.beats[2].state = Beat::State::kFailed;
  court.beats[2].reason = "no space left\x1b[2J";
  court.beats[2].step = 4;
  court.gone[2] = true;
  for (int i = 0; i < 3; ++i) court.hear(20, {0});
  EXPECT_EQ(court.judge.verdict(nullptr),
            "rank 2 (host c, pid 12) ended by an error at step 4: no space left\\x1b[2J");
}

TEST(Judge, OneThatIsDoneIsNotLost) {
  Court court;
  court.beats[1].state = Beat::State::kDone;
  court.beats[1].begun[""] = 5;
  court.gone[1] = true;
  for (int i = 0; i < 3; ++i) court.hear(20, {0, 2});
  EXPECT_EQ(court.judge.verdict(&court.waited), "");
  court.waited.number = 6;
  EXPECT_THAT(
      court.judge.verdict(&court.waited),
      HasSubstr("rank 1 (host b, pid 11) is done and takes no part in exchanging the grad"));
  EXPECT_EQ(court.judge.verdict(nullptr), "");
  court.waited.ranks = {0, 2};
  EXPECT_EQ(court.judge.verdict(&court.waited), "");
}

TEST(Judge, NamesWhoIsMissing) {
  Court court;
  court.beats[0].begun[""] = 5;
  court.beats[1].begun[""] = 4;
  court.beats[1].step = 3;
  court.beats[1].doing = "scoring samples";
  court.beats[2].begun[""] = 5;
  court.hear(1, {0, 1, 2});
  EXPECT_EQ(court.judge.missing(court.waited),
            "rank 1 (host b, pid 11), at step 3 it was scoring samples");
  court.beats[1].begun[""] = 7;
  court.hear(1, {0, 1, 2});
  EXPECT_EQ(court.judge.missing(court.waited), "");
  court.waited.group = ".1:0";
  EXPECT_THAT(court.judge.missing(court.waited), HasSubstr("; rank 2 (host c"));
}

TEST(Judge, TheFirstThatWaitsSpeaks) {
  Court court;
  EXPECT_TRUE(court.judge.speaks_for(court.waited));
  Judge second({{"a", 10, ""}, {"b", 11, ""}, {"c", 12, ""}}, 1, kSilence);
  court.beats[0].begun[""] = 5;
  second.heard(court.beats, court.gone, 1);
  EXPECT_TRUE(second.speaks_for(court.waited));
  court.beats[0].is_waiting = true;
  second.heard(court.beats, court.gone, 1);
  EXPECT_FALSE(second.speaks_for(court.waited));
}

TEST(Judge, KnowsWhenTheOthersHaveEnded) {
  Court court;
  court.beats[1].state = Beat::State::kHeard;
  court.hear(1, {0, 1, 2});
  EXPECT_FALSE(court.judge.others_have_ended());
  court.beats[2].state = Beat::State::kDone;
  court.hear(1, {0, 1, 2});
  EXPECT_TRUE(court.judge.others_have_ended());
  court.beats[2].state = Beat::State::kAtWork;
  court.hear(1, {0, 1, 2});
  EXPECT_FALSE(court.judge.others_have_ended());
  court.hear(31, {0, 1});
  EXPECT_TRUE(court.judge.others_have_ended());
}

}  // namespace
}  // namespace slipway
