// Overrides under every name of a key.
#include "config/overrides.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/check_keys.h"
#include "config/toml.h"

namespace slipway {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// A run file with `section`, after the overrides.
CheckedKeys overridden(const std::string& section, const std::vector<std::string>& overrides,
                       std::vector<std::string>* notices = nullptr) {
  Value root = parse_toml(
      "[run]\nalgorithm = \"raft\"\noutput_dir = \"x\"\n[data]\ntrain = \"f\"\n" + section,
      "x.toml");
  for (const std::string& each : overrides) lay_over(root, each);
  return check_keys(root, notices);
}

const Value& at(const CheckedKeys& checked, const char* section, const char* key) {
  EXPECT_THAT(checked.faults, IsEmpty());
  return *checked.tree.find(section)->find(key);
}

TEST(Overrides, AnotherNameOverridesTheKeyAndIsToldOnce) {
  std::vector<std::string> notices;
  const CheckedKeys checked =
      overridden("[raft]\niterations = 9\n", {"raft.num_raft_iteration=2"}, &notices);
  EXPECT_EQ(at(checked, "raft", "iterations").i, 2);
  EXPECT_THAT(notices, ElementsAre("--set: raft.num_raft_iteration is called iterations here"));
}

TEST(Overrides, TheKeyOverridesItsOtherNameAndTheLastOneHolds) {
  EXPECT_EQ(at(overridden("[raft]\nnum_raft_iteration = 9\n", {"raft.iterations=3"}), "raft",
               "iterations")
                .i,
            3);
  EXPECT_EQ(
      at(overridden("", {"raft.iterations=3", "raft.num_raft_iteration=4"}), "raft", "iterations")
          .i,
      4);
  EXPECT_EQ(at(overridden("[generation]\nmax_new_tokens = 9\n", {"raft.output_max_length=5"}),
               "generation", "max_new_tokens")
                .i,
            5);
}

TEST(Overrides, SwitchesOfThePastMakeRoomToo) {
  EXPECT_EQ(
      at(overridden("[train]\noptim = \"sgd\"\n", {"train.adafactor=true"}), "train", "optim").s,
      "adafactor");
  EXPECT_EQ(at(overridden("[train]\nadafactor = true\n", {"train.optim=sgd"}), "train", "optim").s,
            "sgd");
  EXPECT_EQ(at(overridden("[train]\ntrain_sampling_strategy = \"sequential\"\n",
                          {"train.group_by_length=true"}),
               "train", "train_sampling_strategy")
                .s,
            "group_by_length");
  // what happens anyway takes nothing away
  EXPECT_EQ(
      at(overridden("[train]\noptim = \"sgd\"\n", {"train.adafactor=false"}), "train", "optim").s,
      "sgd");
}

TEST(Overrides, APartOfAKeyUnderItsOtherName) {
  const CheckedKeys checked =
      overridden("[train]\ngradient_checkpointing_kwargs = { every_n_layers = 4 }\n",
                 {"train.activation_checkpointing_kwargs.every_n_layers=2"});
  EXPECT_EQ(at(checked, "train", "activation_checkpointing_kwargs").find("every_n_layers")->i, 2);
}

// [search.space] after an override of it.
Value space_after(const std::string& space, const std::string& assignment) {
  Value root = parse_toml("[search]\ntrials = 9\n[search.space]\n" + space, "x.toml");
  lay_over(root, assignment);
  return *root.find("search")->find("space");
}

TEST(Overrides, OfTheSpaceOfASearch) {
  const std::string space =
      "\"raft.iterations\" = [1, 2]\n\"train.seed\" = { low = 1, high = 9 }\n";
  for (const char* key : {"search.space.\"raft.iterations\"", "search.space.raft.iterations",
                          "search.space.raft.num_raft_iteration"}) {
    const Value after = space_after(space, std::string(key) + "=[3, 4]");
    ASSERT_EQ(after.table.size(), 2u) << key << ": another name of the key makes room";
    const std::string name =
        std::string(key).ends_with("n") ? "raft.num_raft_iteration" : "raft.iterations";
    ASSERT_NE(after.find(name), nullptr) << key;
    EXPECT_EQ(after.find(name)->toml(), "[3, 4]");
    EXPECT_NE(after.find("train.seed"), nullptr);
  }
  EXPECT_EQ(space_after(space, "search.space.\"train.seed\".high=5").find("train.seed")->toml(),
            "{high = 5, low = 1}");
  EXPECT_EQ(
      space_after(space, "search.space.reward[0].weight=[1]").find("reward[0].weight")->toml(),
      "[1]");
}

TEST(Overrides, ToldWhenTheyAreOfASearch) {
  EXPECT_TRUE(is_of_search("search.trials=3"));
  EXPECT_TRUE(is_of_search("search={ trials = 3 }"));
  EXPECT_FALSE(is_of_search("train.seed=3"));
  EXPECT_FALSE(is_of_search("searching.trials=3"));
}

TEST(Overrides, AFileThatGivesAKeyTwiceIsStillRefused) {
  EXPECT_THAT(
      overridden("[raft]\niterations = 1\nnum_raft_iteration = 2\n", {"train.seed=1"}).faults,
      ElementsAre("x.toml:8: raft.iterations is given twice, here as num_raft_iteration"));
}

}  // namespace
}  // namespace slipway
