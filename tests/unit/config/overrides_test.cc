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

TEST(Overrides, AFileThatGivesAKeyTwiceIsStillRefused) {
  EXPECT_THAT(
      overridden("[raft]\niterations = 1\nnum_raft_iteration = 2\n", {"train.seed=1"}).faults,
      ElementsAre("x.toml:8: raft.iterations is given twice, here as num_raft_iteration"));
}

}  // namespace
}  // namespace slipway
