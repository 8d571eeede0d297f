// States of callbacks in trainer_state.json, in transformers' form, and back.
#include "record/callback_states.h"

#include "loop/events.h"
#include "tests/unit/loop/tiny_stage.h"

namespace slipway {
namespace {

using testing::HasSubstr;

class CallbackStates : public testing::Test {
 protected:
  Events events(const std::vector<std::string>& options) {
    std::vector<CallbackPlugin> callbacks;
    for (const std::string& each : options) callbacks.push_back(tiny.callback("watcher", each));
    return Events(std::move(callbacks), tiny.state, tiny.access);
  }
  // Without the control.
  static Json saved(const Events& events) {
    Json out = events.save();
    EXPECT_TRUE(out.contains("TrainerControl"));
    out.erase("TrainerControl");
    return out;
  }
  TinyStage tiny;
};

TEST_F(CallbackStates, BytesComeBack) {
  const Events from = events({"state = \"a\\u0001\\u00ff \\n{}\""}),
               to = events({"state = \"other\""});
  const Json states = parse_json(from.save().dump(), "states");
  to.load(states);
  EXPECT_EQ(to.save(), from.save());
  EXPECT_EQ(
      saved(from),
      Json::parse(
          R"({"org.test.watcher": {"args": {}, "attributes": {"bytes": "6101c3bf200a7b7d"}}})"));
}

// As transformers keeps an EarlyStoppingCallback.
TEST_F(CallbackStates, AnExportedStateStandsThereAsItIs) {
  const char* text =
      R"({\"class\": \"Stopper\", \"args\": {\"patience\": 2}, \"attributes\": {\"counter\": 1}})";
  const Events from = events({fmt::format("state = \"{}\"", text)});
  EXPECT_EQ(saved(from),
            Json::parse(R"({"Stopper": {"args": {"patience": 2}, "attributes": {"counter": 1}}})"));
  const Events to =
      events({R"(state = "{\"class\": \"Stopper\", \"args\": {}, \"attributes\": {}}")"});
  to.load(Json::parse(R"({"Stopper": {"args": {"patience": 3}, "attributes": {"counter": 2}}})"));
  // The fixture gives back what it was given, without a class: it is known by its id from here on.
  EXPECT_EQ(
      saved(to),
      Json::parse(
          R"({"org.test.watcher": {"args": {"patience": 3}, "attributes": {"counter": 2}}})"));
}

TEST_F(CallbackStates, SeveralOfOneNameAreAList) {
  const Events from = events({"state = \"one\"", "state = \"\"", "state = \"three\""}),
               to = events({"state = \"x\"", "state = \"y\"", "state = \"z\""});
  EXPECT_EQ(
      saved(from),
      Json::parse(
          R"({"org.test.watcher": [{"args": {}, "attributes": {"bytes": "6f6e65"}}, {}, {"args": {}, "attributes": {"bytes": "7468726565"}}]})"));
  to.load(from.save());
  EXPECT_EQ(
      saved(to),
      Json::parse(
          R"({"org.test.watcher": [{"args": {}, "attributes": {"bytes": "6f6e65"}}, {"args": {}, "attributes": {"bytes": "79"}},
                                                            {"args": {}, "attributes": {"bytes": "7468726565"}}]})"));
}

TEST_F(CallbackStates, TheControlIsThereWithItsFiveFlags) {
  Events all = events({"state = \"\""});
  all.ask(SLW_DO_SAVE | SLW_STOP_TRAINING, true);
  EXPECT_EQ(
      all.save(),
      Json::parse(
          R"({"TrainerControl": {"args": {"should_epoch_stop": false, "should_evaluate": false, "should_log": false, "should_save": true,
                                                                    "should_training_stop": true}, "attributes": {}}})"));
}

TEST_F(CallbackStates, StrangersArePassedOver) {
  const Events all = events({"state = \"\""});
  all.load(Json::parse(
      R"({"TrainerControl": {"args": {"should_save": true}, "attributes": {}}, "Another": {"args": {}, "attributes": {}}})"));
  all.load(Json::object());
  EXPECT_EQ(saved(all), Json::object());
  EXPECT_EQ(all.control(), 0u);
}

TEST_F(CallbackStates, DamagedOnesAreRefused) {
  const Events all = events({"state = \"kept\""});
  const Json before = all.save();
  for (const Json& bad : {Json("6"), Json("6g"), Json("0x61"), Json(" 61"), Json(61),
                          Json::object(), Json(nullptr)}) {
    EXPECT_THAT(error_of([&] {
                  all.load({{"org.test.watcher",
                             {{"args", Json::object()}, {"attributes", {{"bytes", bad}}}}}});
                }),
                HasSubstr("is damaged in the checkpoint: it is not hexadecimal text"))
        << bad;
    EXPECT_EQ(all.save(), before) << bad;
  }
  for (const Json& bad : {Json("6b657074"), Json(1), Json(nullptr), Json{{"args", 1}}})
    EXPECT_THAT(error_of([&] { all.load({{"org.test.watcher", bad}}); }),
                HasSubstr("is damaged in the checkpoint: it has no \"args\" and \"attributes\""))
        << bad;
}

}  // namespace
}  // namespace slipway
