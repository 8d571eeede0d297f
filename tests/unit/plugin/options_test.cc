// Option checking: every message as the user sees it, and the tree as the plugin sees it.
#include "plugin/options.h"

#include <gmock/gmock.h>

#include <cmath>
#include <cstdlib>

#include "config/toml.h"
#include "tests/unit/plugin/fixture_files.h"

namespace slipway {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr slw_option option(slw_type type, const char* name, const char* fallback,
                            const char* minimum = nullptr, const char* maximum = nullptr,
                            const char* const* choices = nullptr, uint32_t flags = 0,
                            slw_type element = 0) {
  return {sizeof(slw_option),
          type,
          name,
          "What it is.",
          fallback,
          minimum,
          maximum,
          choices,
          flags,
          element};
}

constexpr const char* kModes[] = {"mean", "max", nullptr};
constexpr slw_option kMaxChars = option(SLW_INT, "max_chars", "400", "1", "5000");
constexpr slw_option kScale = option(SLW_FLOAT, "scale", "1.0", "0.0");
constexpr slw_option kMode = option(SLW_STRING, "mode", "\"mean\"", nullptr, nullptr, kModes);
constexpr slw_option kKey =
    option(SLW_STRING, "api_key", "\"\"", nullptr, nullptr, nullptr, SLW_OPTION_SECRET);
constexpr slw_option kSecretMode =
    option(SLW_STRING, "tier", "\"mean\"", nullptr, nullptr, kModes, SLW_OPTION_SECRET);
constexpr slw_option kLower = option(SLW_BOOL, "lower", "false");
constexpr slw_option kOrder = option(SLW_INT, "ngram.order", "2", "1");
constexpr slw_option kWeights =
    option(SLW_ARRAY, "weights", "[]", "0.0", nullptr, nullptr, 0, SLW_FLOAT);
constexpr slw_option kFile = option(SLW_PATH, "file", "\"\"");
constexpr slw_option kExtra = option(SLW_TABLE, "extra", "{}");
constexpr const slw_option* kSchema[] = {&kMaxChars,   &kScale, &kMode,  &kKey,
                                         &kSecretMode, &kLower, &kOrder, &kWeights,
                                         &kFile,       &kExtra, nullptr};
constexpr slw_option kModel = option(SLW_PATH, "model", nullptr);
constexpr const slw_option* kNeeds[] = {&kModel, nullptr};

Value check(const std::string& toml, const slw_option* const* schema = kSchema) {
  const Value given = parse_toml("# options of a reward\n" + toml, "run.toml");
  return check_options(schema, &given, "org.test.x", {"run.toml", 1});
}

std::string message(const std::string& toml, const slw_option* const* schema = kSchema) {
  return error_of([&] { check(toml, schema); });
}

TEST(Options, DefaultsFillWhatIsNotGiven) {
  const Value out = check_options(kSchema, nullptr, "org.test.x", {});
  EXPECT_EQ(out.find("max_chars")->i, 400);
  EXPECT_EQ(out.find("mode")->s, "mean");
  EXPECT_EQ(out.find("ngram.order")->i, 2);
  EXPECT_EQ(out.table.size(), 10u);
  EXPECT_TRUE(check_options(nullptr, nullptr, "org.test.x", {}).table.empty());
}

TEST(Options, UnknownKeyNamesTheNearest) {
  EXPECT_EQ(
      message("max_char = 3"),
      "run.toml:2: plugin org.test.x has no option \"max_char\", did you mean \"max_chars\"?");
  EXPECT_EQ(message("temperature = 3"),
            "run.toml:2: plugin org.test.x has no option \"temperature\"");
  EXPECT_EQ(
      message("[ngram]\norde = 3"),
      "run.toml:3: plugin org.test.x has no option \"ngram.orde\", did you mean \"ngram.order\"?");
}

TEST(Options, WrongTypeSaysBoth) {
  EXPECT_EQ(message("max_chars = \"many\""),
            "run.toml:2: option \"max_chars\" is \"many\" (text), a whole number is needed");
  EXPECT_EQ(message("max_chars = 1.5"),
            "run.toml:2: option \"max_chars\" is 1.5 (a number), a whole number is needed");
  EXPECT_EQ(message("lower = 1"),
            "run.toml:2: option \"lower\" is 1 (a whole number), true or false is needed");
  EXPECT_EQ(message("weights = [1, \"x\"]"),
            "run.toml:2: option \"weights\" holds \"x\", every item must be a number");
  EXPECT_EQ(message("extra = 3"),
            "run.toml:2: option \"extra\" is 3 (a whole number), a table is needed");
  const Value three = Value::of(int64_t{3});
  EXPECT_EQ(error_of([&] { check_options(kSchema, &three, "org.test.x", {"run.toml", 7}); }),
            "run.toml:7: options of org.test.x must be a table");
}

TEST(Options, RangeAndChoice) {
  EXPECT_EQ(message("max_chars = 0"),
            "run.toml:2: option \"max_chars\" is 0, at least 1 is needed");
  EXPECT_EQ(message("max_chars = 5001"),
            "run.toml:2: option \"max_chars\" is 5001, at most 5000 is allowed");
  EXPECT_EQ(message("scale = -0.5"),
            "run.toml:2: option \"scale\" is -0.5, at least 0.0 is needed");
  EXPECT_EQ(message("scale = nan"), "run.toml:2: option \"scale\" is nan, at least 0.0 is needed");
  EXPECT_EQ(message("weights = [0.5, -1]"),
            "run.toml:2: option \"weights\" is -1.0, at least 0.0 is needed");
  EXPECT_EQ(message("mode = \"maen\""),
            "run.toml:2: option \"mode\" is \"maen\", one of mean, max is needed, did you mean "
            "\"mean\"?");
  EXPECT_EQ(message("max_chars = 5000\nscale = 0\nmode = \"max\""), "");
}

TEST(Options, RequiredOneIsExplained) {
  EXPECT_EQ(message("", kNeeds),
            "run.toml:1: plugin org.test.x needs option \"model\" (What it is.)");
  EXPECT_EQ(message("model = \"\"", kNeeds), "");
}

TEST(Options, SecretsStayOutOfMessagesAndRecords) {
  EXPECT_EQ(message("api_key = 123456"),
            "run.toml:2: option \"api_key\" is \"***\" (a whole number), text is needed");
  EXPECT_THAT(message("api_key = \"***\""),
              HasSubstr("which stands in the record of a run for a secret that is not kept there; "
                        "write the secret"));
  EXPECT_EQ(message("tier = \"hunter2\""),
            "run.toml:2: option \"tier\" is \"***\", one of mean, max is needed");
  const Value given = check("api_key = \"hunter2\"");
  EXPECT_EQ(given.find("api_key")->s, "hunter2");
  EXPECT_THAT(given.toml(), Not(HasSubstr("hunter2")));
  EXPECT_THAT(given.toml(), HasSubstr("api_key = \"***\""));
  ::setenv("SLIPWAY_TEST_KEY", "hunter3", 1);
  EXPECT_EQ(message("mode = \"${SLIPWAY_TEST_KEY}\""),
            "run.toml:2: option \"mode\" is \"${SLIPWAY_TEST_KEY}\", one of mean, max is needed");
  EXPECT_THAT(check("api_key = \"${SLIPWAY_TEST_KEY}\"").toml(),
              HasSubstr("api_key = \"${SLIPWAY_TEST_KEY}\""));
}

TEST(Options, DottedNamesMeetNestedTables) {
  EXPECT_EQ(check("[ngram]\norder = 3").find("ngram.order")->i, 3);
  EXPECT_EQ(check("\"ngram.order\" = 4").find("ngram.order")->i, 4);
  EXPECT_EQ(message("[ngram]\norder = 0"),
            "run.toml:3: option \"ngram.order\" is 0, at least 1 is needed");
  EXPECT_EQ(check("extra = {a = 1}").find("extra")->find("a")->i, 1);
}

TEST(Options, NumbersArriveInTheTypeOfTheSchema) {
  const Value out = check("scale = 2\nweights = [1, 2.5]");
  EXPECT_EQ(out.find("scale")->kind, Value::Kind::kFloat);
  OptionTree tree;
  tree.set(out);
  const slw_value& root = *tree.root();
  ASSERT_EQ(root.type, SLW_TABLE);
  for (uint64_t i = 1; i < root.v.table.size; ++i) {
    const auto text = [&](uint64_t k) {
      return std::string(root.v.table.items[k].key.data, root.v.table.items[k].key.size);
    };
    EXPECT_LT(text(i - 1), text(i)) << "sorted by key";
  }
  const slw_value& weights = root.v.table.items[9].value;
  ASSERT_EQ(weights.type, SLW_ARRAY);
  ASSERT_EQ(weights.v.array.size, 2u);
  EXPECT_EQ(weights.v.array.items[0].type, SLW_FLOAT);
  EXPECT_EQ(weights.v.array.items[0].v.f, 1.0);
}

TEST(Options, PathsAreAbsoluteAndMayLieBesideTheRunFile) {
  const fs::path folder = scratch();
  write_file_durably(folder / "lexicon.txt", "x");
  const Value given = parse_toml("file = \"lexicon.txt\"", (folder / "run.toml").string());
  EXPECT_EQ(check_options(kSchema, &given, "org.test.x", {}).find("file")->s,
            (folder / "lexicon.txt").string());
  EXPECT_EQ(check("file = \"nowhere.txt\"").find("file")->s,
            (fs::current_path() / "nowhere.txt").string());
  EXPECT_EQ(check("").find("file")->s, "");
}

TEST(Options, PluginValuesAreCopied) {
  Value given = parse_toml("a = [1, 2.5, \"x\", true]\nb = {c = 3}", "run.toml");
  OptionTree tree;
  tree.set(given);
  EXPECT_EQ(copy_of(*tree.root()).toml(), given.toml());
  slw_value odd{};
  odd.type = 99;
  EXPECT_EQ(copy_of(odd).toml(), "\"\"");
}

}  // namespace
}  // namespace slipway
