// LMFlow's arguments: each has its place, or a refusal that says what to do.
#include "config/other_names.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/check_keys.h"
#include "config/lookup.h"
#include "config/toml.h"

namespace slipway {
namespace {

struct Argument {
  const char* value;
  const char* place;  // "raft.iterations"; "" = refused
};

// RaftAlignerArguments of LMFlow, but for those of the Hugging Face Trainer.
const std::vector<std::pair<std::string, Argument>> kRaftAligner = {
    {"output_reward_path", {"\"reward.txt\"", ""}},
    {"output_min_length", {"64", ""}},
    {"output_max_length", {"128", "generation.max_new_tokens"}},
    {"num_raft_iteration", {"20", "raft.iterations"}},
    {"raft_batch_size", {"1024", "raft.prompts_per_iteration"}},
    {"top_reward_percentage", {"0.2", "raft.keep"}},
    {"inference_batch_size_per_device", {"1", "generation.max_rows"}},
    {"collection_strategy", {"\"top\"", "raft.selection"}}};

TEST(OtherNames, EveryRaftArgumentHasItsPlaceOrARefusalWithTheFix) {
  for (const auto& [name, argument] : kRaftAligner) {
    std::vector<std::string> notices;
    const CheckedKeys checked =
        check_keys(parse_toml("[run]\nalgorithm = \"raft\"\noutput_dir = \"x\"\n[data]\ntrain = "
                              "\"f\"\n[raft]\n" +
                                  name + " = " + argument.value + "\n",
                              "x.toml"),
                   &notices);
    const std::string place = argument.place;
    if (place.empty()) {
      ASSERT_EQ(checked.faults.size(), 1u) << name;
      EXPECT_THAT(checked.faults[0], testing::AllOf(testing::StartsWith("x.toml:7: raft." + name +
                                                                        " has no use here: "),
                                                    testing::HasSubstr("remove it")));
      continue;
    }
    const size_t dot = place.find('.');
    const Value* value = checked.tree.find(place.substr(0, dot))->find(place.substr(dot + 1));
    EXPECT_THAT(checked.faults, testing::IsEmpty()) << name;
    EXPECT_EQ(value->where.line, 7) << name;
    ASSERT_EQ(notices.size(), 1u) << name;
    EXPECT_THAT(notices[0], testing::StartsWith("x.toml:7: raft." + name + " is called "));
  }
}

TEST(OtherNames, EachLeadsToAKeyAndIsNone) {
  for (const OtherName& each : known_other_names()) {
    EXPECT_NE(find_key(each.key_section, each.key), nullptr) << each.name;
    EXPECT_EQ(find_key(each.section, each.name), nullptr) << each.name;
    EXPECT_EQ(idle_argument(each.section, each.name), nullptr) << each.name;
  }
}

TEST(OtherNames, WhatIsCountedOtherwiseIsSaid) {
  const auto notice = [](const char* name) { return meaning_of("raft", name, {}).notice; };
  EXPECT_THAT(notice("top_reward_percentage"), testing::HasSubstr("samples_per_prompt"));
  EXPECT_THAT(notice("raft_batch_size"), testing::HasSubstr("raft_batch_size / top_reward"));
  EXPECT_EQ(notice("output_max_length"),
            "raft.output_max_length is called generation.max_new_tokens here");
}

TEST(OtherNames, RewardArgumentsAndLoraAreRefusedWhereTheyAreWritten) {
  EXPECT_THAT(meaning_of("model", "use_lora", parse_toml_value("true", "x")).fault,
              testing::HasSubstr("write lora.r = 8"));
  EXPECT_EQ(meaning_of("model", "use_lora", parse_toml_value("false", "x")).fault, "");
  EXPECT_NE(idle_argument("reward", "reward_model_or_path"), nullptr);
  EXPECT_NE(idle_argument("train", "output_reward_path"), nullptr);
  EXPECT_EQ(idle_argument("data", "tf32"), nullptr);
}

}  // namespace
}  // namespace slipway
