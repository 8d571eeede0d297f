// How far a run of steps is and what is left of it.
#include "loop/step_time_left.h"

#include <gtest/gtest.h>

#include <optional>
#include <vector>

namespace slipway {
namespace {

using Part = StepTimeLeft::Part;

// A run of `steps` steps, with an evaluation after each `eval_every` and a checkpoint after each
// `save_every`; what each takes, in seconds. The estimate is asked for at every step, and in the
// middle of every other part.
struct Walk {
  double step = 1, evaluation = 7, save = 3, end = 1.5, first_step = 5;
  int64_t steps = 40, eval_every = 10, save_every = 20, resumed_at = 0;
  bool best = false;  // checkpoints by evaluations; every second one is better
  std::optional<double> written_behind;

  struct Seen {
    double now;
    int64_t evaluations;  // begun
    StepTimeLeft::Estimate estimate;
  };
  std::vector<Seen> seen;
  double whole = 0;

  void go() {
    double now = 100;
    StepTimeLeft time(static_cast<double>(resumed_at) / static_cast<double>(steps), 0.5, now);
    int64_t done = resumed_at, evaluations = 0;
    const auto left = [&](int64_t pending_saves) {
      StepsLeft out{steps - done, steps / eval_every - done / eval_every,
                    steps / save_every - done / save_every + pending_saves};
      if (best) out.saves = std::nullopt;
      if (done > save_every) out.written_behind = written_behind;
      return out;
    };
    const auto tell = [&](int64_t pending = 0) {
      seen.push_back({now, evaluations, time.at(left(pending), now)});
    };
    const auto part = [&](Part which, double lasts, int64_t pending = 0) {
      time.enter(which, now);
      tell(pending);
      now += lasts / 2;
      tell(pending);
      now += lasts / 2;
    };
    while (done < steps) {
      time.enter(Part::kTrain, now);
      now += done == resumed_at ? first_step : step;
      time.count_step(now);
      ++done;
      const bool evaluates = done % eval_every == 0;
      const bool saves = best ? evaluates && done / eval_every % 2 == 1 : done % save_every == 0;
      if (evaluates) ++evaluations, part(Part::kEvaluate, evaluation, saves && !best);
      if (saves) part(Part::kSave, save);
      time.enter(Part::kTrain, now);
      tell();
    }
    part(Part::kEnd, end);
    whole = now;
  }
};

void expect_right_from_the_second_evaluation_on(const Walk& walk, double share = 0) {
  double before = 0;
  int told = 0;
  for (const Walk::Seen& at : walk.seen) {
    EXPECT_GE(at.estimate.fraction, before);
    EXPECT_LE(at.estimate.fraction, 1);
    before = at.estimate.fraction;
    if (at.evaluations < 2 || (at.evaluations == 2 && !at.estimate.seconds)) continue;
    const double left = walk.whole - at.now;
    ASSERT_TRUE(at.estimate.seconds) << at.now;
    EXPECT_NEAR(*at.estimate.seconds, left, share * left + 1e-6) << at.now;
    ++told;
  }
  EXPECT_GT(told, 20);
}

TEST(StepTimeLeft, CountsStepsEvaluationsAndCheckpoints) {
  Walk even;
  even.save_every = 10;
  even.go();
  expect_right_from_the_second_evaluation_on(even);
  Walk resumed = even;
  resumed.seen.clear();
  resumed.resumed_at = 10;
  resumed.go();
  expect_right_from_the_second_evaluation_on(resumed);
  EXPECT_GE(resumed.seen.front().estimate.fraction, 0.25);
  EXPECT_LT(resumed.seen.front().estimate.fraction, 0.5);
}

TEST(StepTimeLeft, TheEndWaitsForACheckpointThatIsWrittenBehindTheSteps) {
  Walk walk;
  walk.save_every = 10;
  walk.save = 0.25;
  walk.written_behind = 6;
  walk.end = 6 + 0.5 * 6;  // the last checkpoint, and the model
  walk.go();
  expect_right_from_the_second_evaluation_on(walk);
}

TEST(StepTimeLeft, NothingIsSaidUntilWhatIsLeftWasSeen) {
  Walk walk;
  walk.save_every = 20;
  walk.go();
  bool saved = false;
  for (const Walk::Seen& at : walk.seen) {
    saved = saved || at.estimate.seconds.has_value();
    if (at.evaluations < 2) {
      EXPECT_FALSE(at.estimate.seconds) << "no checkpoint was seen";
    }
  }
  EXPECT_TRUE(saved);
  Walk without;  // neither evaluations nor checkpoints
  without.eval_every = without.save_every = 1000;
  without.end = 0;
  without.go();
  for (size_t i = 1; i < without.seen.size(); ++i)
    EXPECT_NEAR(*without.seen[i].estimate.seconds, without.whole - without.seen[i].now, 1e-6) << i;
}

TEST(StepTimeLeft, TheBestAreSavedAsOftenAsSoFar) {
  Walk walk;
  walk.best = true;
  walk.steps = 80;
  walk.go();
  expect_right_from_the_second_evaluation_on(walk, 0.2);
}

TEST(StepTimeLeft, WhatFollowsAStepIsTheSteps) {
  StepTimeLeft time(0, 0.5, 0);
  time.enter(Part::kTrain, 0);
  time.count_step(5);
  time.enter(Part::kTrain, 5);
  time.count_step(6);
  time.enter(Part::kTrain, 7);  // a slow callback
  time.count_step(8);
  time.enter(Part::kEvaluate, 9);
  time.enter(Part::kTrain, 10);
  EXPECT_NEAR(*time.at({10, 0, 0}, 10).seconds, 10 * 2, 1e-9);
}

TEST(StepTimeLeft, WhatIsNotKnownIsNotSaid) {
  StepTimeLeft time(0, 0.5, 0);
  time.enter(Part::kTrain, 0);
  time.count_step(1);
  EXPECT_FALSE(time.at({10, std::nullopt, 0}, 1).seconds);
  EXPECT_NEAR(*time.at({10, 0, 0}, 1).seconds, 10, 1e-9);
  time.enter(Part::kEvaluate, 1);
  time.enter(Part::kTrain, 4);
  EXPECT_NEAR(*time.at({10, 2, 0}, 4).seconds, 10 + 2 * 3, 1e-9);
  EXPECT_FALSE(time.at({10, 2, 1}, 4).seconds) << "how long is a checkpoint?";
}

}  // namespace
}  // namespace slipway
