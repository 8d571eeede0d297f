// Arguments of commands: what is understood, and what is refused with which words.
#include "app/command_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace slipway {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

class CommandLineTest : public testing::Test {
 protected:
  CommandLineTest() {
    line.positional("FILE", "the run file")
        .positional("MORE", "another", false)
        .repeated("set", "KEY=VALUE", "override a key")
        .option("resume", "CHECKPOINT", "go on", "", "true")
        .option("seed", "N", "of the draws", "42")
        .option("prompt", "TEXT", "to go on from")
        .option("rate", "X", "a number", "0.5")
        .flag("quiet", "say less");
  }
  bool parse(const std::vector<std::string>& arguments) { return line.parse(arguments); }
  std::string error(const std::vector<std::string>& arguments) {
    try {
      line.parse(arguments);
    } catch (const UsageError& e) {
      return e.what();
    }
    return "";
  }
  CommandLine line{"slipway test FILE [options]", "Tests what a command is told."};
};

TEST_F(CommandLineTest, PositionsOptionsAndFlags) {
  EXPECT_TRUE(parse({"run.toml", "--set", "a.b=1", "--quiet", "--set=c.d=x y", "second"}));
  EXPECT_EQ(line.text("FILE"), "run.toml");
  EXPECT_EQ(line.text("MORE"), "second");
  EXPECT_THAT(line.texts("set"), ElementsAre("a.b=1", "c.d=x y"));
  EXPECT_TRUE(line.has("quiet"));
}

TEST_F(CommandLineTest, OneArgumentMayBeSeveral) {
  for (const std::vector<std::string>& given : {std::vector<std::string>{"a"}, {"a", "b", "c"}}) {
    CommandLine other("slipway try RUN...", "Tries.");
    other.rest("RUN", "", true).option("output", "FILE", "");
    ASSERT_TRUE(other.parse(given));
    EXPECT_EQ(other.texts("RUN"), given);
  }
  CommandLine none("slipway try RUN...", "Tries.");
  none.rest("RUN", "", true);
  EXPECT_THROW(none.parse({}), UsageError);
}

TEST_F(CommandLineTest, WhatIsNotGivenIsItsFallback) {
  EXPECT_TRUE(parse({"run.toml"}));
  EXPECT_FALSE(line.has("quiet"));
  EXPECT_FALSE(line.has("MORE"));
  EXPECT_FALSE(line.has("prompt"));
  EXPECT_EQ(line.text("prompt"), "");
  EXPECT_EQ(line.text("resume"), "");
  EXPECT_EQ(line.integer("seed"), 42);
  EXPECT_EQ(line.number("rate"), 0.5);
  EXPECT_THAT(line.texts("set"), IsEmpty());
}

TEST_F(CommandLineTest, AnOptionMayDoWithoutItsValue) {
  const auto resume = [](const std::vector<std::string>& arguments) {
    CommandLine other("slipway test", "");
    other.positional("FILE", "")
        .option("resume", "CHECKPOINT", "go on", "", "true")
        .flag("quiet", "");
    EXPECT_TRUE(other.parse(arguments));
    EXPECT_EQ(other.text("FILE"), "run.toml");
    return other.text("resume");
  };
  EXPECT_EQ(resume({"run.toml", "--resume"}), "true");
  EXPECT_EQ(resume({"run.toml", "--resume", "--quiet"}), "true");
  EXPECT_EQ(resume({"run.toml", "--resume=runs/x/checkpoint-5"}), "runs/x/checkpoint-5");
  EXPECT_EQ(resume({"run.toml", "--resume", "runs/x/checkpoint-5"}), "runs/x/checkpoint-5");
  EXPECT_EQ(error({"--resume", "run.toml"}),
            "FILE is missing (\"run.toml\" was taken as the value of --resume)\nusage: slipway "
            "test FILE [options]");
}

TEST_F(CommandLineTest, NumbersAreWhole) {
  EXPECT_TRUE(parse({"f", "--seed", "-7", "--rate=1e-5"}));
  EXPECT_EQ(line.integer("seed"), -7);
  EXPECT_EQ(line.number("rate"), 1e-5);
}

TEST_F(CommandLineTest, WhatIsNoNumberIsRefused) {
  for (const char* bad : {"", "x", "1.5", "7 ", "0x10", "99999999999999999999"}) {
    CommandLine other("slipway test", "");
    other.option("seed", "N", "", "42");
    ASSERT_TRUE(other.parse({std::string("--seed=") + (*bad == '\0' ? "-" : bad)}));
    EXPECT_THROW(other.integer("seed"), UsageError) << bad;
  }
  for (const char* bad : {"x", "1,5", "1e", "nan", "inf", "-inf", "1e999"}) {
    CommandLine other("slipway test", "");
    other.option("rate", "X", "", "1");
    ASSERT_TRUE(other.parse({std::string("--rate=") + bad}));
    try {
      other.number("rate");
      ADD_FAILURE() << bad;
    } catch (const UsageError& e) {
      EXPECT_EQ(e.what(), fmt::format("--rate is \"{}\", a number is needed", bad));
    }
  }
}

TEST_F(CommandLineTest, TextMayBeginWithADash) {
  EXPECT_TRUE(parse({"f", "--prompt=-5 degrees", "--", "-file"}));
  EXPECT_EQ(line.text("prompt"), "-5 degrees");
  EXPECT_EQ(line.text("MORE"), "-file");
}

TEST_F(CommandLineTest, FaultsComeWithTheUsage) {
  EXPECT_EQ(
      error({"f", "--sead", "3"}),
      "unknown option \"--sead\", did you mean \"--seed\"?\nusage: slipway test FILE [options]");
  EXPECT_EQ(error({"a", "b", "c"}), "too many arguments\nusage: slipway test FILE [options]");
  EXPECT_EQ(error({"--quiet"}), "FILE is missing\nusage: slipway test FILE [options]");
  EXPECT_THAT(error({"f", "--seed"}), AllOf(HasSubstr("--seed"), HasSubstr("\nusage: ")));
  EXPECT_THAT(error({"f", "--seed", "1", "--seed", "2"}),
              AllOf(HasSubstr("--seed"), HasSubstr("\nusage: ")));
  EXPECT_THAT(error({"f", "--quiet=yes"}), AllOf(HasSubstr("--quiet"), HasSubstr("\nusage: ")));
}

TEST_F(CommandLineTest, AKeyOfTheRunFileIsSet) {
  const auto error_with_set = [](const std::vector<std::string>& arguments) -> std::string {
    CommandLine other("slipway test", "");
    other.positional("FILE", "").repeated("set", "KEY=VALUE", "");
    try {
      other.parse(arguments);
    } catch (const UsageError& e) {
      return e.what();
    }
    return "";
  };
  for (const char* option : {"--learning_rate", "--train.learning_rate"})
    EXPECT_EQ(error_with_set({"f", option, "1"}),
              fmt::format("unknown option \"{}\", did you mean --set "
                          "train.learning_rate=VALUE?\nusage: slipway test",
                          option));
  EXPECT_EQ(
      error_with_set({"f", "--model", "x"}),
      "unknown option \"--model\", did you mean --set model.weights=VALUE?\nusage: slipway test");
  EXPECT_EQ(error_with_set({"--config", "f"}),
            "unknown option \"--config\"; the run file stands there without an option\nusage: "
            "slipway test");
}

// --see is not --seed: what a shortened name means would change with new options
TEST_F(CommandLineTest, NamesAreWhole) {
  EXPECT_THAT(error({"f", "--see", "3"}), StartsWith("unknown option \"--see\""));
}

TEST_F(CommandLineTest, HelpExplainsAndNeedsNothing) {
  for (const char* help : {"--help", "-h"}) {
    CommandLine other("slipway test FILE [options]", "Tests what a command is told.");
    other.positional("FILE", "the run file")
        .option("seed", "N", "of the draws", "42")
        .option("resume", "CHECKPOINT", "go on", "", "true");
    testing::internal::CaptureStdout();
    const bool go_on = other.parse({help});
    const std::string text = testing::internal::GetCapturedStdout();
    EXPECT_FALSE(go_on);
    EXPECT_THAT(text, StartsWith("usage: slipway test FILE [options]\n\nTests what a command is "
                                 "told.\n\n  FILE                    the run file\n\noptions:\n"));
    EXPECT_THAT(text, AllOf(HasSubstr("\n  -h, --help              show this text\n"),
                            HasSubstr("\n  --seed N                of the draws (default 42)\n"),
                            HasSubstr("\n  --resume [CHECKPOINT]   go on\n")));
  }
}

}  // namespace
}  // namespace slipway
