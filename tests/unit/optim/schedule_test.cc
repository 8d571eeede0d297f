// Learning rates equal those of transformers' get_scheduler (tests/parity/record_schedules.py) and
// of DeepSpeed (record_deepspeed_schedules.py); bad options are named.
#include "optim/schedule.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "base/error.h"
#include "base/files.h"
#include "tests/unit/largest.h"

namespace slipway {
namespace {

// The names of the schedules in a record, whose rates ours must have.
std::set<std::string> compared(const std::string& file) {
  const Json record = parse_json(read_file("tests/parity/data/" + file), file);
  std::set<std::string> seen;
  double largest = 0;
  for (const Json& each : record.at("cases")) {
    const auto schedule = make_schedule({each.at("name"), each.at("options"), record.at("peak"),
                                         each.at("warmup"), each.at("steps")});
    seen.insert(each.at("name").get<std::string>());
    const Json& rates = each.at("rates");
    for (size_t i = 0; i < rates.size(); ++i) {
      const double theirs = rates[i], ours = schedule->at(static_cast<int64_t>(i)),
                   difference = std::abs(ours - theirs);
      largest = largest_of({largest, difference});
      EXPECT_LE(difference, 1e-12) << each.at("name") << " " << each.at("options") << " warm-up "
                                   << each.at("warmup") << ", update " << i;
      if (schedule->adaptive()) schedule->evaluated(each.at("metrics")[i]);
    }
  }
  std::printf("%s: largest difference %.3g\n", file.c_str(), largest);
  return seen;
}

TEST(Schedule, GivesTheRatesOfTransformersAndOfDeepSpeed) {
  std::set<std::string> seen = compared("schedules.json");
  seen.merge(compared("deepspeed_schedules.json"));
  EXPECT_EQ(seen, std::set<std::string>(schedule_names().begin(), schedule_names().end()));
}

TEST(Schedule, AnAdaptiveOneGoesOnFromItsState) {
  const Json record = parse_json(read_file("tests/parity/data/schedules.json"), "schedules.json");
  for (const Json& each : record.at("cases")) {
    const ScheduleSettings settings{each.at("name"), each.at("options"), record.at("peak"),
                                    each.at("warmup"), each.at("steps")};
    auto schedule = make_schedule(settings);
    if (!schedule->adaptive()) continue;
    const Json& rates = each.at("rates");
    for (size_t i = 0; i < rates.size(); ++i) {
      ASSERT_NEAR(schedule->at(0), rates[i].get<double>(), 1e-12)
          << each.at("options") << ", update " << i;
      schedule->evaluated(each.at("metrics")[i]);
      auto next = make_schedule(settings);
      next->restore(parse_json(schedule->state().dump(), "state"));
      schedule = std::move(next);
    }
  }
}

std::string refusal(const std::string& name, const Json& options, double warmup = 0) {
  try {
    make_schedule({name, options, 1e-4, warmup, 10});
  } catch (const Error& e) {
    return e.what();
  }
  return "taken";
}

TEST(Schedule, NamesWhatIsWrong) {
  EXPECT_EQ(refusal("cosin", Json::object()),
            "there is no learning-rate schedule \"cosin\", did you mean \"cosine\"?");
  EXPECT_EQ(refusal("cosine", {{"num_cycle", 1}}),
            "the schedule \"cosine\" has no option \"num_cycle\", did you mean \"num_cycles\"?");
  EXPECT_EQ(refusal("constant", {{"power", 1}}),
            "the schedule \"constant\" has no option \"power\"");
  EXPECT_EQ(refusal("cosine_with_min_lr", Json::object()),
            "the schedule \"cosine_with_min_lr\" needs one of min_lr and min_lr_rate in "
            "lr_scheduler_kwargs");
  EXPECT_EQ(refusal("cosine_with_min_lr", {{"min_lr", 1e-5}, {"min_lr_rate", 0.1}}),
            refusal("cosine_with_min_lr", Json::object()));
  EXPECT_EQ(refusal("warmup_stable_decay", Json::object()),
            "the schedule \"warmup_stable_decay\" needs num_decay_steps in lr_scheduler_kwargs");
  EXPECT_EQ(refusal("warmup_stable_decay", {{"num_decay_steps", 2}, {"decay_type", "exp"}}),
            "lr_scheduler_kwargs.decay_type of the schedule \"warmup_stable_decay\" is \"exp\", "
            "one of cosine, linear, 1-sqrt is needed");
  EXPECT_EQ(
      refusal("polynomial", {{"lr_end", 1}}),
      "the schedule \"polynomial\" ends at lr_end = 1, which must be below learning_rate = 0.0001");
  EXPECT_EQ(
      refusal("polynomial", {{"power", "two"}}),
      "lr_scheduler_kwargs.power of the schedule \"polynomial\" is \"two\", a number is needed");
  EXPECT_EQ(refusal("WarmupLR", {{"total_num_steps", 10}}),
            "the schedule \"WarmupLR\" has no option \"total_num_steps\"");
  EXPECT_EQ(refusal("WarmupDecayLR", {{"warmup_type", "cosine"}}),
            "lr_scheduler_kwargs.warmup_type of the schedule \"WarmupDecayLR\" is \"cosine\", one "
            "of log, linear is needed");
  EXPECT_EQ(refusal("OneCycle", Json::object()),
            "the schedule \"OneCycle\" needs cycle_min_lr in lr_scheduler_kwargs");
  EXPECT_EQ(refusal("OneCycle", {{"cycle_min_lr", 1e-5}, {"cycle_first_step_size", 0}}),
            "lr_scheduler_kwargs.cycle_first_step_size is 0, at least 1 is needed");
  EXPECT_EQ(refusal("OneCycle", {{"cycle_min_lr", 1e-5}, {"cycle_momentum", true}}),
            "the schedule \"OneCycle\" has no option \"cycle_momentum\"");
  EXPECT_EQ(
      refusal("LRRangeTest", {{"lr_range_test_staircase", 1}}),
      "lr_scheduler_kwargs.lr_range_test_staircase of the schedule \"LRRangeTest\" is 1, true "
      "or false is needed");
  EXPECT_EQ(refusal("LRRangeTest", Json::object(), 3),
            "the schedule \"LRRangeTest\" has no warm-up; remove train.warmup_steps");
  EXPECT_EQ(refusal("greedy", {{"factor", 1.0}}),
            "lr_scheduler_kwargs.factor is 1, it must lie between 0 and 1");
}

}  // namespace
}  // namespace slipway
