// Events: who hears them, in which order, and what comes of the flags; states of callbacks in
// checkpoints.
#include "loop/events.h"

#include <cstring>
#include <map>

#include "tests/unit/loop/tiny_stage.h"

namespace slipway {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* kWatcher = "org.test.watcher";

std::string bits(std::initializer_list<slw_event_type> events) {
  uint64_t out = 0;
  for (const slw_event_type event : events) out |= uint64_t{1} << event;
  return std::to_string(out);
}

class EventsTest : public testing::Test {
 protected:
  Events events(const std::vector<std::string>& options) {
    std::vector<CallbackPlugin> callbacks;
    for (const std::string& each : options) callbacks.push_back(tiny.callback("watcher", each));
    return Events(std::move(callbacks), tiny.state, tiny.access);
  }
  TinyStage tiny;
};

TEST_F(EventsTest, OrderIsTheTablesThenTheConfigurations) {
  const std::string hears = "\nevents = " + bits({SLW_ON_LOG});
  Events all = events({"label = \"late\"\norder = 5" + hears, "label = \"first\"" + hears,
                       "label = \"early\"\norder = -5" + hears, "label = \"second\"" + hears});
  tiny.state.global_step = 3;
  EXPECT_THAT(said_by(kWatcher, [&] { all.emit(SLW_ON_LOG, {}, SLW_DO_SAVE); }),
              ElementsAre("early event 14 control 0 step 3", "first event 14 control 4 step 3",
                          "second event 14 control 4 step 3", "late event 14 control 4 step 3"));
}

TEST_F(EventsTest, AnEventNobodyWantsCallsNobody) {
  Events all = events(
      {"events = " + bits({SLW_ON_LOG, SLW_ON_SELECT}) + "\nset = 1", "events = 0\nset = 2"});
  for (slw_event_type type = 0; type < SLW_EVENT_COUNT; ++type) {
    const bool wanted = type == SLW_ON_LOG || type == SLW_ON_SELECT;
    all.ask(~0u, false);
    uint32_t control = 0;
    EXPECT_EQ(said_by(kWatcher, [&] { control = all.emit(type, {}, SLW_DO_LOG); }).size(),
              wanted ? 1u : 0u)
        << type;
    EXPECT_EQ(control, wanted ? SLW_DO_LOG | SLW_STOP_TRAINING : SLW_DO_LOG) << type;
    EXPECT_EQ(all.control(), control) << type;
    EXPECT_EQ(all.wanted(type), wanted) << type;
  }
  EXPECT_EQ(events({}).emit(SLW_ON_LOG, {}, SLW_DO_SAVE), SLW_DO_SAVE);
}

TEST_F(EventsTest, ATrialsValuesAreToldWithTheState) {
  tiny.state.trial_name = "trial-0003";
  tiny.state.trial_params = {{"train.learning_rate", 0.25}, {"train.seed", 7}};
  Events all = events({"events = " + bits({SLW_ON_LOG})});
  for (int time = 0; time < 2; ++time)
    EXPECT_THAT(said_by(kWatcher, [&] { all.emit(SLW_ON_LOG); }),
                ElementsAre("w event 14 control 0 step 0 trial trial-0003 rate 0.250000 seed 7"));
}

TEST_F(EventsTest, FlagsAreSetAndClearedInTurn) {
  const std::string hears = "\nevents = " + bits({SLW_ON_STEP_END});
  const auto after = [&](const std::vector<std::string>& options) {
    uint32_t control = 0;
    said_by(kWatcher, [&] { control = events(options).emit(SLW_ON_STEP_END, {}, SLW_DO_SAVE); });
    return control;
  };
  EXPECT_EQ(after({"set = 9" + hears, "clear = 8" + hears}), SLW_STOP_TRAINING | SLW_DO_SAVE);
  EXPECT_EQ(after({"clear = 4" + hears}), 0u);
  // One of negative order speaks before the host's own flow and cannot clear what comes after it.
  EXPECT_EQ(after({"order = -1\nclear = 4\nset = 8" + hears}), SLW_DO_SAVE | SLW_DO_EVALUATE);
}

// transformers' CallbackHandler: what each event takes back before it is told.
TEST_F(EventsTest, ARequestStandsUntilItIsAnswered) {
  constexpr uint32_t kAll =
      SLW_STOP_TRAINING | SLW_STOP_EPOCH | SLW_DO_SAVE | SLW_DO_EVALUATE | SLW_DO_LOG;
  const std::map<slw_event_type, uint32_t> answered = {
      {SLW_ON_TRAIN_BEGIN, SLW_STOP_TRAINING},
      {SLW_ON_EPOCH_BEGIN, SLW_STOP_EPOCH},
      {SLW_ON_STEP_BEGIN, SLW_DO_SAVE | SLW_DO_EVALUATE | SLW_DO_LOG},
      {SLW_ON_LOG, SLW_DO_LOG},
      {SLW_ON_EVALUATE, SLW_DO_EVALUATE},
      {SLW_ON_SAVE, SLW_DO_SAVE}};
  for (const bool heard : {false, true}) {
    Events all = events({heard ? "events = " + std::to_string((uint64_t{1} << SLW_EVENT_COUNT) - 1)
                               : "events = 0"});
    for (slw_event_type type = 0; type < SLW_EVENT_COUNT; ++type) {
      all.ask(kAll, true);
      said_by(kWatcher, [&] { all.tell(type); });
      EXPECT_EQ(all.control(), kAll & ~(answered.contains(type) ? answered.at(type) : 0)) << type;
    }
  }
}

TEST_F(EventsTest, WhatOneCallbackAsksForTheNextEventsSee) {
  Events all = events({"set = 1\nonly = 14\nevents = " + bits({SLW_ON_LOG, SLW_ON_SAVE}),
                       "set = 16\nonly = 13\nevents = " + bits({SLW_ON_SAVE})});
  EXPECT_EQ(all.control(), 0u);
  EXPECT_THAT(said_by(kWatcher,
                      [&] {
                        all.tell(SLW_ON_LOG);
                        all.tell(SLW_ON_SAVE);
                      }),
              ElementsAre("w event 14 control 0 step 0", "w event 13 control 1 step 0",
                          "w event 13 control 1 step 0"));
  EXPECT_EQ(all.control(), SLW_STOP_TRAINING | SLW_DO_LOG);
}

TEST_F(EventsTest, DetailsArriveWhole) {
  Events all = events({"events = " + bits({SLW_ON_SAVE, SLW_ON_EVALUATE, SLW_ON_OPTIMIZER_STEP})});
  EventDetails details;
  details.metrics = {{"eval_loss", 1.5}, {"epoch", 2}};
  EXPECT_THAT(said_by(kWatcher, [&] { all.emit(SLW_ON_EVALUATE, details); }),
              ElementsAre("w event 10 control 0 step 0 eval_loss=1.500000 epoch=2.000000"));
  EventDetails saved;
  saved.path = "runs/x/checkpoint-5";
  EXPECT_THAT(said_by(kWatcher, [&] { all.emit(SLW_ON_SAVE, saved); }),
              ElementsAre("w event 13 control 0 step 0 path runs/x/checkpoint-5"));
  const EventDetails step{{}, "", 0.25, 2, 0.5};
  EXPECT_THAT(said_by(kWatcher, [&] { all.emit(SLW_ON_OPTIMIZER_STEP, step); }),
              ElementsAre("w event 8 control 0 step 0 loss 0.500000 rate 0.250000 norm 2.000000"));
}

TEST_F(EventsTest, AFailureNamesThePluginAndEndsTheEvent) {
  Events all = events({"fails = true\nevents = " + bits({SLW_ON_LOG})});
  EXPECT_EQ(error_of([&] { all.emit(SLW_ON_LOG); }),
            "plugin org.test.watcher, on_event(): this one was too much (ABORTED)");
  EXPECT_EQ(tiny.access.event, -1);
}

TEST_F(EventsTest, AStageTellsItsEventsInOrder) {
  tiny.settings.gradient_accumulation_steps = 2;
  tiny.settings.num_train_epochs = 2;
  std::vector<CallbackPlugin> callbacks;
  callbacks.push_back(
      tiny.callback("watcher", "events = " + std::to_string((uint64_t{1} << SLW_EVENT_COUNT) - 1)));
  const std::vector<std::string> lines =
      said_by(kWatcher, [&] { EXPECT_TRUE(tiny.train(std::move(callbacks), 6)); });
  std::vector<int> heard, steps;
  for (const std::string& line : lines) {
    heard.push_back(std::stoi(line.substr(std::strlen("w event "))));
    steps.push_back(std::stoi(line.substr(line.find("step ") + 5)));
  }
  // Three micro-batches an epoch: a group of two, a group of one.
  const std::vector<int> pair = {SLW_ON_STEP_BEGIN, SLW_ON_SUBSTEP_END, SLW_ON_PRE_OPTIMIZER_STEP,
                                 SLW_ON_OPTIMIZER_STEP},
                         single = {SLW_ON_STEP_BEGIN, SLW_ON_PRE_OPTIMIZER_STEP,
                                   SLW_ON_OPTIMIZER_STEP};
  std::vector<int> expected;
  for (int epoch = 0; epoch < 2; ++epoch) {
    expected.push_back(SLW_ON_EPOCH_BEGIN);
    expected.insert(expected.end(), pair.begin(), pair.end());
    expected.insert(expected.end(), single.begin(), single.end());
    expected.push_back(SLW_ON_EPOCH_END);
  }
  EXPECT_EQ(heard, expected);
  EXPECT_THAT(steps, ElementsAre(0, 0, 0, 0, 0, 1, 1, 1, 2, 2, 2, 2, 2, 2, 3, 3, 3, 4));
}

// Wherever in the stage a callback asks to stop, it is heard after the micro-batch that is under
// way: a group of two is broken off by what is asked before its end, and changes no weight.
TEST_F(EventsTest, StopIsObeyedFromEveryEventOfAStage) {
  const std::pair<slw_event_type, int64_t> kStops[] = {
      {SLW_ON_EPOCH_BEGIN, 0},        {SLW_ON_STEP_BEGIN, 0},     {SLW_ON_SUBSTEP_END, 0},
      {SLW_ON_PRE_OPTIMIZER_STEP, 1}, {SLW_ON_OPTIMIZER_STEP, 1}, {SLW_ON_EPOCH_END, 2}};
  for (const auto& [event, steps] : kStops) {
    TinyStage stage;
    stage.settings.gradient_accumulation_steps = 2;
    stage.settings.num_train_epochs = 3;
    std::vector<CallbackPlugin> callbacks;
    callbacks.push_back(stage.callback("watcher", "set = 1\nevents = " + bits({event})));
    const at::Tensor before = stage.weights();
    said_by(kWatcher, [&] { EXPECT_FALSE(stage.train(std::move(callbacks), 6)) << event; });
    EXPECT_EQ(stage.state.global_step, steps) << event;
    EXPECT_EQ(at::equal(stage.weights(), before), steps == 0) << event;
  }
}

TEST_F(EventsTest, StopEpochPassesOverTheRestOfIt) {
  tiny.settings.num_train_epochs = 2;  // of three steps
  std::vector<CallbackPlugin> callbacks;
  callbacks.push_back(tiny.callback("watcher", "set = 2\nevents = " + bits({SLW_ON_EPOCH_BEGIN})));
  said_by(kWatcher, [&] { EXPECT_TRUE(tiny.train(std::move(callbacks), 6)); });
  ASSERT_EQ(tiny.reports.size(), 2u);
  EXPECT_EQ(tiny.reports[0].step, 1);
  EXPECT_EQ(tiny.reports[1].step, 4);
}

// The schedule goes by the steps that were done, as transformers' does.
TEST_F(EventsTest, StepsPassedOverDoNotCountForTheSchedule) {
  tiny.settings.schedule = "linear";
  tiny.settings.num_train_epochs = 2;  // of three steps
  std::vector<CallbackPlugin> callbacks;
  callbacks.push_back(tiny.callback("watcher", "set = 2\nevents = " + bits({SLW_ON_EPOCH_BEGIN})));
  said_by(kWatcher, [&] { EXPECT_TRUE(tiny.train(std::move(callbacks), 6)); });
  ASSERT_EQ(tiny.reports.size(), 2u);
  EXPECT_DOUBLE_EQ(tiny.reports[0].learning_rate, 0.01);
  EXPECT_DOUBLE_EQ(tiny.reports[1].learning_rate, 0.01 * 5 / 6);
}

}  // namespace
}  // namespace slipway
