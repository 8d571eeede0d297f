// trainer_state.json: Hugging Face's keys, and back.
#include "record/state.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace slipway {
namespace {

TEST(State, HoldsTheKeysOfTransformers) {
  std::vector<std::string> keys;
  const Json json = TrainerState{}.to_json();
  for (const auto& [name, value] : json.items()) keys.push_back(name);
  // transformers 5.23, TrainerState.save_to_json: the dataclass's fields, sorted
  EXPECT_THAT(keys,
              testing::ElementsAre("best_global_step", "best_metric", "best_model_checkpoint",
                                   "epoch", "eval_steps", "global_step", "is_hyper_param_search",
                                   "is_local_process_zero", "is_world_process_zero", "log_history",
                                   "logging_steps", "max_steps", "num_input_tokens_seen",
                                   "num_train_epochs", "save_steps", "stateful_callbacks",
                                   "total_flos", "train_batch_size", "trial_name", "trial_params"));
}

TEST(State, SortsKeysAtEveryDepth) {
  TrainerState s;
  s.log_history.push_back({{"loss", 1.5}, {"epoch", 0.5}, {"step", 1}});
  s.stateful_callbacks = {{"b", {{"z", 1}, {"a", 2}}}, {"a", Json::object()}};
  const Json json = s.to_json();
  EXPECT_EQ(json["log_history"].dump(), R"([{"epoch":0.5,"loss":1.5,"step":1}])");
  EXPECT_EQ(json["stateful_callbacks"].dump(), R"({"a":{},"b":{"a":2,"z":1}})");
  EXPECT_EQ(s.log_history[0].dump(), R"({"loss":1.5,"epoch":0.5,"step":1})");
}

TEST(State, BeginsWithPythonsZeros) {
  TrainerState s;
  EXPECT_EQ(s.to_json()["epoch"].dump() + s.to_json()["total_flos"].dump(), "00");
  s.epoch = 2;
  s.total_flos = 12;
  EXPECT_EQ(s.to_json()["epoch"].dump() + " " + s.to_json()["total_flos"].dump(), "2.0 12.0");
}

TEST(State, ReadsBack) {
  TrainerState s;
  s.epoch = 1.5;
  s.global_step = 12;
  s.best_metric = -0.25;
  s.best_global_step = 8;
  s.best_model_checkpoint = "x/checkpoint-8";
  s.log_history.push_back({{"loss", 0.1 + 0.2}});
  const Json once = s.to_json();
  EXPECT_EQ(TrainerState::from_json(parse_json(once.dump(), "s"), "s").to_json()["log_history"],
            once["log_history"]);
  EXPECT_EQ(TrainerState::from_json(once, "s").best_metric, -0.25);
  EXPECT_THROW(TrainerState::from_json(Json{{"epoch", "x"}}, "s"), Error);
}

TEST(State, ADamagedStateIsNamed) {
  const auto error = [](const char* key, Json value) -> std::string {
    Json json = TrainerState{}.to_json();
    json[key] = std::move(value);
    try {
      TrainerState::from_json(json, "x/trainer_state.json");
    } catch (const Error& e) {
      return e.what();
    }
    return "";
  };
  EXPECT_EQ(error("log_history", Json::array({{{"step", 1}}})), "");
  EXPECT_EQ(error("log_history", 5),
            "x/trainer_state.json: not a trainer state: \"log_history\" is not a list of rows");
  EXPECT_EQ(error("log_history", Json::array({Json::object(), 1})),
            "x/trainer_state.json: not a trainer state: row 2 of \"log_history\" is not an object");
  EXPECT_EQ(error("log_history", Json::array({{{"step", "x"}}})),
            "x/trainer_state.json: not a trainer state: row 1 of \"log_history\" has a \"step\" "
            "that is not a number");
  EXPECT_EQ(error("global_step", -1),
            "x/trainer_state.json: not a trainer state: \"global_step\" is -1");
  EXPECT_EQ(error("stateful_callbacks", Json::array()),
            "x/trainer_state.json: not a trainer state: \"stateful_callbacks\" is not an object");
}

}  // namespace
}  // namespace slipway
