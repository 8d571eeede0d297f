// TOML with locations, overrides and secrets.
#include "config/toml.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "base/error.h"

namespace slipway {
namespace {

void apply_override(Value& root, std::string_view assignment) {
  assign(root, parse_assignment(assignment));
}

std::string fault(const std::string& text) {
  try {
    parse_toml(text, "x.toml");
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}

TEST(Toml, ValuesKnowTheirLines) {
  const Value v = parse_toml("a = 1\n[b]\nc = [1.5, \"x\"]\nd = true\n[[e]]\nf = 2\n", "x.toml");
  EXPECT_EQ(v.find("a")->i, 1);
  EXPECT_EQ(v.find("b")->find("c")->items[1].s, "x");
  EXPECT_EQ(v.find("b")->find("d")->where.text(), "x.toml:4");
  EXPECT_EQ(v.find("e")->items[0].find("f")->where.line, 6);
}

TEST(Toml, FaultsNameTheLine) {
  EXPECT_THAT(fault("a = 1\nb =\n"), testing::StartsWith("x.toml:2: "));
  EXPECT_THAT(fault("a = 1979-05-27\n"), testing::HasSubstr("x.toml:1"));
  EXPECT_THAT(fault("a = \"${SLIPWAY_TEST_ABSENT}\"\n"), testing::HasSubstr("SLIPWAY_TEST_ABSENT"));
}

TEST(Toml, SecretsComeFromTheEnvironmentAndAreNotPrinted) {
  setenv("SLIPWAY_TEST_SECRET", "hush", 1);
  const Value v = parse_toml("key = \"a-${SLIPWAY_TEST_SECRET}\"\n", "x.toml");
  EXPECT_EQ(v.find("key")->s, "a-hush");
  EXPECT_THAT(v.find("key")->toml(), testing::Not(testing::HasSubstr("hush")));
}

TEST(Toml, Overrides) {
  Value v = parse_toml(
      "[train]\nlearning_rate = 1.0\n[[reward]]\nuse = \"a\"\n[[reward]]\nuse = \"b\"\n", "x.toml");
  apply_override(v, "train.learning_rate=2e-5");
  apply_override(v, "train.lr_scheduler_type=cosine");  // what is no TOML is text
  apply_override(v, "new.key=[1, 2]");
  apply_override(v, "reward[1].weight=3");
  EXPECT_DOUBLE_EQ(v.find("train")->find("learning_rate")->f, 2e-5);
  EXPECT_EQ(v.find("train")->find("lr_scheduler_type")->s, "cosine");
  EXPECT_EQ(v.find("new")->find("key")->items.size(), 2u);
  EXPECT_EQ(v.find("reward")->items[1].find("weight")->i, 3);
  EXPECT_EQ(v.find("train")->find("learning_rate")->where.text(), "--set");
  for (const char* bad : {"", "=1", "train.x", "reward[7].weight=1", "reward[x].weight=1"})
    EXPECT_THROW(apply_override(v, bad), Error) << bad;
  try {
    apply_override(v, "reward[2].weight=1");  // the first place behind the list
    FAIL();
  } catch (const Error& e) {
    EXPECT_STREQ(e.what(),
                 "--set reward[2].weight=1: there is no reward[2]; the last one is reward[1]");
  }
}

TEST(Toml, AnOverrideOfABlockThatIsNotThereSaysWhatIs) {
  const auto refused = [](const char* file, const char* given) -> std::string {
    Value v = parse_toml(file, "x.toml");
    try {
      assign(v, parse_assignment(given));
    } catch (const Error& e) {
      return e.what();
    }
    return "";
  };
  EXPECT_EQ(refused("", "reward[0].weight=1"),
            "--set reward[0].weight=1: there is no reward[0]; the run file has no [[reward]]");
  EXPECT_EQ(refused("[[reward]]\nuse = \"a\"\n", "reward.weight=1"),
            "--set reward.weight=1: reward is a list: reward[0].weight is of its first block");
}

TEST(Toml, WhatAnOverrideMakesIsOfTheCommandLine) {
  Value v = parse_toml("[train]\nseed = 1\n", "x.toml");
  assign(v, parse_assignment("lora.r=8"));
  assign(v, parse_assignment("train.seed=2"));
  EXPECT_EQ(v.find("lora")->where.text(), "--set");
  EXPECT_EQ(v.find("train")->where.text(), "x.toml:1");
}

TEST(Toml, AnOverrideSaysWhichVariableIsNotSet) {
  for (const char* given : {"x=\"${SLIPWAY_TEST_ABSENT}\"", "x=${SLIPWAY_TEST_ABSENT}",
                            "x=[\"a\", \"${SLIPWAY_TEST_ABSENT}\"]"}) {
    try {
      (void)parse_assignment(given);
      ADD_FAILURE() << given;
    } catch (const Error& e) {
      EXPECT_THAT(e.what(), testing::StartsWith(
                                "--set x: the environment has no variable SLIPWAY_TEST_ABSENT"))
          << given;
    }
  }
  // not TOML for another reason: text
  EXPECT_EQ(parse_assignment("x=2026-11-28").value.s, "2026-11-28");
  EXPECT_EQ(parse_assignment("x=a \"b").value.s, "a \"b");
}

TEST(Toml, EveryTextReadsBack) {
  for (const std::string text : {"", "C:\\new\\table", "\\\"", "a \"b\" 'c'", "two\nlines\r\n",
                                 "\ttab", "\x01\x1f\x7f", "é 日本 😀", "\\u0041"}) {
    Value table;
    table[text] = Value::of(text);
    const Value read = parse_toml("x = " + table.toml(), "x.toml");
    const Value* inner = read.find("x");
    ASSERT_EQ(inner->table.size(), 1u) << table.toml();
    EXPECT_EQ(inner->table[0].first, text);
    EXPECT_EQ(inner->table[0].second.s, text);
  }
}

TEST(Toml, ValuesPrintAsTomlThatReadsBack) {
  for (const char* text : {"1", "-0.5", "1e-05", "true", "\"a\\\"b\\n\"", "[1, 2]", "inf"}) {
    const Value once = parse_toml_value(text, "");
    EXPECT_EQ(parse_toml_value(once.toml(), "").toml(), once.toml()) << text;
  }
  EXPECT_DOUBLE_EQ(parse_toml_value(Value::of(0.1 + 0.2).toml(), "").f, 0.1 + 0.2);
}

}  // namespace
}  // namespace slipway
