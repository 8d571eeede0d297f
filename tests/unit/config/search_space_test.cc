// Keys that a search varies, under every name.
#include "config/search_space.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/toml.h"

namespace slipway {
namespace {

using testing::HasSubstr;

SpaceKey key(const std::string& name, const std::string& values) {
  return space_key(name, parse_toml_value(values, "t"));
}

TEST(SearchSpace, KeysHaveOneNameWhateverTheyAreCalled) {
  EXPECT_EQ(key("train.learning_rate", "[1e-4]").name, "train.learning_rate");
  EXPECT_EQ(key("train.learning_rate", "[1e-4]").notice, "");
  const SpaceKey lmflow = key("raft.num_raft_iteration", "{ low = 1, high = 3 }");
  EXPECT_EQ(lmflow.name, "raft.iterations");
  EXPECT_EQ(lmflow.notice, "raft.num_raft_iteration is called iterations here");
  EXPECT_EQ(key("raft.output_max_length", "[8, 16]").name, "generation.max_new_tokens");
  EXPECT_EQ(key("train.evaluation_strategy", "[\"steps\"]").name, "train.eval_strategy");
  EXPECT_EQ(key("reward[0].weight", "[1, 2]").name, "reward[0].weight");
}

TEST(SearchSpace, ASwitchOfThePastKeepsItsName) {
  const SpaceKey flag = key("train.group_by_length", "[true, false]");
  EXPECT_EQ(flag.name, "train.group_by_length");
  EXPECT_EQ(flag.fault, "");
  EXPECT_EQ(key("train.adafactor", "[true, false]").fault, "");
}

TEST(SearchSpace, WhatCannotBeVariedIsSaid) {
  EXPECT_THAT(key("train.learning_rat", "[1]").fault,
              HasSubstr("no such key of a run file, did you mean \"train.learning_rate\"?"));
  EXPECT_THAT(key("raft.output_min_length", "[1, 2]").fault, HasSubstr("has no use here"));
  EXPECT_THAT(key("seed", "[1, 2]").fault, HasSubstr("no such key of a run file"));
}

}  // namespace
}  // namespace slipway
