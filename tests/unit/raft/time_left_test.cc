// How far a RAFT run is and what is left of it.
#include "raft/time_left.h"

#include <gtest/gtest.h>

#include <vector>

namespace slipway {
namespace {

using Part = RaftPart;

// A run whose parts take what `seconds` says (save, generate, score, train, evaluate, end), passed
// through in steps of a quarter of each part; `seen` gets the estimate, the time, and the whole.
struct Walk {
  RaftShape shape;
  std::vector<double> seconds;
  struct Seen {
    int64_t iteration;
    Part part;
    double done, now;
    TimeLeft::Estimate estimate;
  };
  double whole = 0;
  std::vector<Seen> seen;

  Walk(const RaftShape& how, std::vector<double> each, bool resumed_in_training = false)
      : shape(how), seconds(std::move(each)) {
    TimeLeft left(shape);
    double now = 100;
    const auto go = [&](Part part, int64_t iteration, double begin = 0) {
      const double lasts = seconds.at(static_cast<size_t>(part));
      left.enter(part, iteration, now, begin);
      for (double done = begin; done <= 1; done += 0.25) {
        const double at = now + lasts * (done - begin);
        seen.push_back({iteration, part, done, at, left.at(done, at)});
      }
      now += lasts * (1 - begin);
    };
    if (shape.evaluates && !resumed_in_training) go(Part::kEvaluate, -1);
    for (int64_t i = resumed_in_training ? 1 : 0; i < shape.iterations; ++i) {
      const bool middle = resumed_in_training && i == 1;
      if (shape.saves && !middle) go(Part::kSave, i);
      if (!middle) go(Part::kGenerate, i), go(Part::kScore, i);
      go(Part::kTrain, i, middle ? 0.5 : 0);
      const bool due =
          i + 1 == shape.iterations || (shape.eval_every > 0 && (i + 1) % shape.eval_every == 0);
      if (shape.evaluates && due) go(Part::kEvaluate, i);
    }
    go(Part::kEnd, shape.iterations - 1);
    whole = now;
  }
};

void expect_right_from_the_second_iteration_on(const Walk& walk, double slack = 0) {
  double before = 0;
  for (const Walk::Seen& at : walk.seen) {
    EXPECT_GE(at.estimate.fraction, before);
    EXPECT_LE(at.estimate.fraction, 1);
    before = at.estimate.fraction;
    if (at.iteration < 1) continue;
    const double left = walk.whole - at.now;
    ASSERT_TRUE(at.estimate.seconds) << at.iteration;
    EXPECT_NEAR(*at.estimate.seconds, left, slack + 1e-6)
        << "iteration " << at.iteration << ", part " << static_cast<int>(at.part) << ", "
        << at.done;
  }
}

TEST(TimeLeft, AtAnEvenPaceItIsRightFromTheSecondIterationOn) {
  expect_right_from_the_second_iteration_on({{4, true, true, 1}, {2, 5, 3, 7, 1, 2}});
  expect_right_from_the_second_iteration_on({{4, false, true, 1}, {0, 5, 3, 7, 1, 0}});
  expect_right_from_the_second_iteration_on({{6, true, true, 2}, {2, 5, 3, 7, 4, 2}});
  expect_right_from_the_second_iteration_on({{3, true, true, 0}, {2, 5, 3, 7, 4, 2}});
  expect_right_from_the_second_iteration_on({{3, true, false, 1}, {9, 5, 0, 1, 0, 9}});
}

TEST(TimeLeft, TheEndWaitsForACheckpointThatIsWrittenBehindTheIterations) {
  TimeLeft left({2, true, false, 1});
  double now = 0;
  for (const int64_t iteration : {0, 1})
    for (const Part part : {Part::kSave, Part::kGenerate, Part::kScore, Part::kTrain})
      left.enter(part, iteration, now++);
  EXPECT_NEAR(*left.at(0, now - 1).seconds, 1 + 1, 1e-9);
  left.written_behind(6);
  EXPECT_NEAR(*left.at(0, now - 1).seconds, 1 + 6, 1e-9);
}

TEST(TimeLeft, TheEndMayBeShorterThanACheckpoint) {  // it has no optimizer's state
  expect_right_from_the_second_iteration_on({{4, true, true, 1}, {2, 5, 3, 7, 1, 1}}, 1);
}

TEST(TimeLeft, NothingIsSaidUntilEveryPartThatIsLeftWasSeen) {
  const Walk walk({3, true, true, 1}, {2, 5, 3, 7, 1, 2});
  for (const Walk::Seen& at : walk.seen) {
    if (at.iteration < 0 || (at.iteration == 0 && at.part < Part::kTrain)) {
      EXPECT_FALSE(at.estimate.seconds);
    }
    if (at.iteration == 0 && at.part == Part::kTrain && at.done >= 0.25) {
      ASSERT_TRUE(at.estimate.seconds);
      EXPECT_NEAR(*at.estimate.seconds, walk.whole - at.now, 1e-6);
    }
  }
}

TEST(TimeLeft, AResumedRunKnowsWhatItSaw) {
  const Walk walk({4, true, true, 1}, {2, 5, 3, 7, 1, 2}, true);
  EXPECT_GT(walk.seen.front().estimate.fraction, 0.2);  // of four iterations one and a half
  EXPECT_LT(walk.seen.front().estimate.fraction, 0.5);
  for (const Walk::Seen& at : walk.seen) {
    if (at.iteration < 3) continue;
    ASSERT_TRUE(at.estimate.seconds);
    EXPECT_NEAR(*at.estimate.seconds, walk.whole - at.now, 1e-6);
  }
}

TEST(TimeLeft, APartThatLastsLongerIsToldByHowFarItIs) {
  TimeLeft left({2, false, false, 1});
  left.enter(Part::kGenerate, 0, 0);
  left.enter(Part::kScore, 0, 10);
  left.enter(Part::kTrain, 0, 10);
  left.enter(Part::kGenerate, 1, 20);
  EXPECT_NEAR(*left.at(0.2, 28).seconds, 2 + 10, 1e-9);   // ten seconds are usual
  EXPECT_NEAR(*left.at(0.5, 40).seconds, 20 + 10, 1e-9);  // now it takes forty
  EXPECT_NEAR(*left.at(0.75, 50).seconds, 10 + 10, 1e-9);
  left.enter(Part::kScore, 1, 60);
  left.enter(Part::kTrain, 1, 60);
  EXPECT_NEAR(*left.at(0.5, 65).seconds, 5, 1e-9);
}

}  // namespace
}  // namespace slipway
