// The schema: defaults, aliases, every fault at once.
#include "config/schema.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/check_keys.h"
#include "config/other_names.h"
#include "config/toml.h"
#include "config/training_arguments.h"

namespace slipway {
namespace {

const std::string kLeast =
    "[run]\nalgorithm = \"sft\"\noutput_dir = \"x\"\n[data]\ntrain = \"f\"\n";

TEST(Schema, EveryDefaultPassesItsOwnCheck) {
  const Value v = check_run_file(parse_toml(kLeast, "x.toml"), nullptr);
  for (const Key& key : run_schema())
    EXPECT_NE(v.find(key.section)->find(key.name), nullptr) << key.section << "." << key.name;
  // one text where a list is expected
  EXPECT_EQ(v.find("data")->find("train")->items.at(0).s, "f");
}

TEST(Schema, OldNamesAreAcceptedWithANotice) {
  std::vector<std::string> notices;
  const Value v =
      check_run_file(parse_toml(kLeast + "[raft]\nnum_raft_iteration = 3\n", "x.toml"), &notices);
  EXPECT_EQ(v.find("raft")->find("iterations")->i, 3);
  EXPECT_THAT(notices, testing::ElementsAre(testing::HasSubstr(
                           "x.toml:7: raft.num_raft_iteration is called iterations here")));
}

TEST(Schema, AnOldFlagIsAValueOfAnotherKey) {
  std::vector<std::string> notices;
  const Value v =
      check_run_file(parse_toml(kLeast + "[train]\ngroup_by_length = true\n", "x.toml"), &notices);
  EXPECT_EQ(v.find("train")->find("train_sampling_strategy")->s, "group_by_length");
  EXPECT_THAT(notices, testing::ElementsAre("x.toml:7: train.group_by_length is written "
                                            "train_sampling_strategy = \"group_by_length\" here"));
  notices.clear();
  EXPECT_EQ(
      check_run_file(parse_toml(kLeast + "[train]\ngroup_by_length = false\n", "x.toml"), &notices)
          .find("train")
          ->find("train_sampling_strategy")
          ->s,
      "random");
  EXPECT_THAT(notices, testing::ElementsAre(
                           "x.toml:7: train.group_by_length = false is what happens without it"));
  try {
    check_run_file(
        parse_toml(kLeast + "[train]\ngroup_by_length = 1\ntrain_sampling_strategy = \"random\"\n",
                   "x.toml"),
        nullptr);
    FAIL();
  } catch (const ConfigError& e) {
    EXPECT_THAT(e.what(),
                testing::StartsWith("x.toml:7: train.group_by_length is 1 (a whole number)"));
  }
}

TEST(Schema, AKeyUnderTwoNamesIsRefused) {
  try {
    check_run_file(
        parse_toml(kLeast + "[train]\ntrain_sampling_strategy = \"random\"\ngroup_by_length = "
                            "true\nwarmup_steps = 1\nwarmup_ratio = 0.5\n",
                   "x.toml"),
        nullptr);
    FAIL();
  } catch (const ConfigError& e) {
    EXPECT_STREQ(e.what(),
                 "x.toml:8: train.train_sampling_strategy is given twice, here as group_by_length\n"
                 "x.toml:10: train.warmup_steps is given twice, here as warmup_ratio");
  }
}

TEST(Schema, AllFaultsAreNamedTogether) {
  try {
    check_run_file(parse_toml(kLeast + "[train]\nseed = -1\nlearning_rat = 1\n[trian]\n", "x.toml"),
                   nullptr);
    FAIL();
  } catch (const ConfigError& e) {
    EXPECT_THAT(
        e.what(),
        testing::AllOf(testing::HasSubstr("x.toml:7: train.seed is -1, at least 0 is needed"),
                       testing::HasSubstr("x.toml:8: unknown key \"learning_rat\" in [train], did "
                                          "you mean \"learning_rate\"?"),
                       testing::HasSubstr("unknown section [trian], did you mean \"train\"?")));
  }
}

TEST(Schema, LimitsBelongToWhatIsAllowed) {
  const Value v = check_run_file(
      parse_toml(kLeast + "[train]\nseed = 0\nlearning_rate = 0\nmax_grad_norm = 0.0\n", "x.toml"),
      nullptr);
  EXPECT_EQ(v.find("train")->find("seed")->i, 0);
  EXPECT_EQ(v.find("train")->find("learning_rate")->number(), 0);
  EXPECT_EQ(v.find("train")->find("max_grad_norm")->number(), 0);
}

TEST(Schema, ArgumentsWithoutUseAreRefusedWithTheReason) {
  std::vector<std::string> notices;
  const Value v = check_run_file(
      parse_toml(kLeast + "[train]\ntf32 = false\nreport_to = \"none\"\nevaluation_strategy = "
                          "\"epoch\"\ngreater_is_better = true\n",
                 "x.toml"),
      &notices);
  EXPECT_THAT(notices, testing::ElementsAre(
                           "x.toml:7: train.tf32 = false is what happens anyway",
                           "x.toml:8: train.report_to = \"none\" is what happens anyway",
                           "x.toml:9: train.evaluation_strategy is called eval_strategy here"));
  EXPECT_EQ(v.find("train")->find("eval_strategy")->s, "epoch");
  EXPECT_EQ(v.find("train")->find("greater_is_better")->s, "true");
  EXPECT_EQ(v.find("train")->find("tf32"), nullptr);
  try {
    check_run_file(parse_toml(kLeast + "[train]\ntf32 = true\nreport_to = \"wandb\"\n", "x.toml"),
                   nullptr);
    FAIL();
  } catch (const ConfigError& e) {
    EXPECT_STREQ(
        e.what(),
        "x.toml:7: train.tf32 has no use here: weights, gradients and sums are float32; remove "
        "it, or write bf16 = true or fp16 = true, which round the operands of matrix products\n"
        "x.toml:8: train.report_to has no use here: where metrics go is said by logger plugins: "
        "write [[logger]] use = \"tensorboard\"");
  }
}

TEST(Schema, NoArgumentIsBothAKeyAndWithoutUse) {
  for (const Key& key : run_schema())
    EXPECT_TRUE(std::string_view(key.section) != "train" || idle_argument(key.name) == nullptr)
        << key.name;
}

TEST(Schema, SetsToEvaluateMayHaveNames) {
  const auto eval = [](const std::string& value) {
    return *check_run_file(parse_toml(kLeast + "eval = " + value + "\n", "x.toml"), nullptr)
                .find("data")
                ->find("eval");
  };
  EXPECT_EQ(eval("\"f\"").items.at(0).s, "f");
  const Value named = eval("{ news = \"a\", notes = [\"b\", \"c\"] }");
  EXPECT_EQ(named.find("news")->items.at(0).s, "a");
  EXPECT_EQ(named.find("notes")->items.at(1).s, "c");
  const auto refused = [&](const std::string& value) {
    try {
      eval(value);
    } catch (const ConfigError& e) {
      return std::string(e.what());
    }
    return std::string();
  };
  EXPECT_EQ(refused("{ \"a b\" = \"f\" }"),
            "x.toml:6: data.eval: \"a b\" is not a valid name for a set; letters, digits, _ and - "
            "make one");
  EXPECT_EQ(refused("{ news = [] }"), "x.toml:6: data.eval.news is empty");
  EXPECT_EQ(refused("{ news = 3 }"),
            "x.toml:6: data.eval.news is 3 (a whole number), an array is needed");
  EXPECT_EQ(refused("{ news = [3] }"), "x.toml:6: data.eval.news holds 3, every item must be text");
  EXPECT_EQ(refused("3"), "x.toml:6: data.eval is 3 (a whole number), an array is needed");
}

TEST(Schema, WhatIsWrongHasItsDefaultAndTheRestIsRead) {
  const CheckedKeys checked = check_keys(
      parse_toml("[run]\nalgorithm = \"rfat\"\n[train]\nseed = -1\noptm = \"sgd\"\nmax_steps = 3\n"
                 "[[reward]]\nweight = 2\n[[reward]]\nuse = \"a\"\n[data]\nlimit = 4\n",
                 "x.toml"),
      nullptr);
  EXPECT_EQ(checked.tree.find("train")->find("seed")->i, 42);
  EXPECT_EQ(checked.tree.find("train")->find("max_steps")->i, 3);
  EXPECT_EQ(checked.tree.find("data")->find("limit")->i, 4);
  EXPECT_EQ(checked.tree.find("reward")->items.size(), 1u);
  EXPECT_THAT(checked.unusable,
              testing::ElementsAre("data.train", "reward", "run.algorithm", "run.output_dir",
                                   "train.optim", "train.seed"));
  EXPECT_EQ(checked.faults.size(), 6u);
}

TEST(Schema, ABlockWithAWrongWeightIsKeptWithoutIt) {
  const CheckedKeys checked = check_keys(
      parse_toml(kLeast + "[[reward]]\nuse = \"a\"\nweight = \"heavy\"\n", "x.toml"), nullptr);
  EXPECT_THAT(checked.faults, testing::ElementsAre("x.toml:8: reward.weight is \"heavy\" (text), a "
                                                   "number is needed"));
  // so that what else is wrong with it is found at once
  ASSERT_EQ(checked.tree.find("reward")->items.size(), 1u);
  EXPECT_EQ(checked.tree.find("reward")->items[0].find("use")->s, "a");
  EXPECT_EQ(checked.tree.find("reward")->items[0].find("weight"), nullptr);
}

TEST(Schema, AKeyIsFoundByWhatPeopleCallIt) {
  for (const auto& [given, key] : std::initializer_list<std::pair<const char*, const char*>>{
           {"lr", "train.learning_rate"},
           {"learning-rate", "train.learning_rate"},
           {"train.learning-rate", "train.learning_rate"},
           {"epochs", "train.num_train_epochs"},
           {"batch_size", "train.per_device_train_batch_size"},
           {"model", "model.weights"},
           {"scheduler_type", "train.lr_scheduler_type"},  // a part that no other key has
           {"steps", "train.max_steps"},
           {"rate", ""},
           {"xyzzy", ""}})
    EXPECT_EQ(likely_key(given), key) << given;
  const CheckedKeys checked =
      check_keys(parse_toml(kLeast + "[train]\nlr = 1\n", "x.toml"), nullptr);
  EXPECT_THAT(checked.faults,
              testing::ElementsAre("x.toml:7: unknown key \"lr\" in [train], did you mean "
                                   "\"train.learning_rate\"?"));
}

TEST(Schema, SectionsThatPeopleExpectSayWhatIsThereInstead) {
  for (const char* section :
       {"peft", "qlora", "deepspeed", "fsdp", "wandb", "hub", "quantization", "tensorboard"}) {
    const CheckedKeys checked =
        check_keys(parse_toml(kLeast + "[" + section + "]\nx = 1\n", "x.toml"), nullptr);
    ASSERT_EQ(checked.faults.size(), 1u) << section;
    EXPECT_THAT(checked.faults[0],
                testing::StartsWith(fmt::format("x.toml:6: unknown section [{}]: ", section)));
  }
}

TEST(Schema, AKeyOfAnotherSectionIsNamedWhole) {
  const CheckedKeys checked =
      check_keys(parse_toml(kLeast + "[raft]\nlearning_rate = 1\n", "x.toml"), nullptr);
  EXPECT_THAT(checked.faults, testing::ElementsAre(
                                  "x.toml:7: unknown key \"learning_rate\" in [raft], did you mean "
                                  "\"train.learning_rate\"?"));
}

TEST(Schema, AKeyOutsideOfItsSectionIsNamedWhole) {
  const auto refused = [](const char* line) {
    try {
      check_run_file(parse_toml(line, "x.toml"), nullptr);
    } catch (const ConfigError& e) {
      return e.faults.at(0);
    }
    return std::string();
  };
  EXPECT_EQ(refused("learning_rate = 1"),
            "x.toml:1: unknown key \"learning_rate\" outside of any section, did you mean "
            "\"train.learning_rate\"?");
  EXPECT_EQ(refused("warmup_ratio = 1"),
            "x.toml:1: unknown key \"warmup_ratio\" outside of any section, did you mean "
            "\"train.warmup_steps\"?");
  EXPECT_EQ(refused("trian = 1"),
            "x.toml:1: unknown key \"trian\" outside of any section, did you mean \"train\"?");
  EXPECT_EQ(refused("[trian]"), "x.toml:1: unknown section [trian], did you mean \"train\"?");
}

}  // namespace
}  // namespace slipway
