// Tables of words.
#include "config/words.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/toml.h"

namespace slipway {
namespace {

using testing::ElementsAre;

constexpr Word kSome[] = {
    {"steps", "max_steps"},
    {"size", nullptr,
     [](const Said& said, TrainKeys& keys) {
       keys.mean(said, "per_device_train_batch_size", Value::of(said.value.i * 2));
     }},
    {"half.enabled", nullptr, nullptr, "false", "there is none; remove it"},
    {"half.*"},
    {"many", nullptr, nullptr, "0|1", "there is one; write 1"},
    {"idle"},
};

struct Walked {
  Value train;
  std::vector<std::string> faults;
  std::vector<std::string> notices;
  explicit Walked(const std::string& table) {
    TrainKeys keys(train, faults);
    read_words(kSome, "other", parse_toml(table, "o.toml"), keys);
    notices = keys.notices("o.toml", "other");
  }
};

TEST(Words, BecomeKeysOrHaveNoEffect) {
  const Walked walked(
      "steps = 5\nsize = 4\nidle = { any = 1 }\nmany = 1.0\nhalf = { enabled = false, scale = 3 }");
  EXPECT_EQ(walked.train.toml(), "{max_steps = 5, per_device_train_batch_size = 8}");
  EXPECT_THAT(walked.faults, ElementsAre());
  EXPECT_THAT(walked.notices,
              ElementsAre("o.toml: other is here max_steps = 5, per_device_train_batch_size = 8",
                          "o.toml: of other, these have no effect here: idle, half.scale"));
}

TEST(Words, AutoLeavesAllToTheRunFile) {
  const Walked walked(
      "steps = \"auto\"\nsize = \"auto\"\nmany = \"auto\"\nhalf.enabled = \"auto\"");
  EXPECT_EQ(walked.train.table.size(), 0u);
  EXPECT_THAT(walked.faults, ElementsAre());
}

TEST(Words, EveryFaultIsNamedWithTheNearestWord) {
  EXPECT_THAT(
      Walked("stesp = 5\nmany = 2\nhalf.enabled = true").faults,
      ElementsAre("o.toml:1: other.stesp = 5 is not known, did you mean \"steps\"?",
                  "o.toml:2: other.many = 2 cannot be had: there is one; write 1",
                  "o.toml:3: other.half.enabled = true cannot be had: there is none; remove it"));
  EXPECT_THAT(Walked("half = 1").faults, ElementsAre("o.toml:1: other.half = 1 is not a table"));
}

}  // namespace
}  // namespace slipway
