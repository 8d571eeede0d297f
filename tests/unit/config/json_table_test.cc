// JSON as a tree: every value knows its line, and what is no table of words is refused.
#include "config/json_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace slipway {
namespace {

TEST(JsonTable, ValuesHaveTheLinesOfTheirKeys) {
  const Value table = json_table(
      "{\n  \"a\": {\"b\": 1, \"colon\": \"x\\\": {\"},\n\n  \"list\": [\n    {\"c\": true},\n    "
      "2.5\n  ],\n  \"after\": \"text\", \"null\": null\n}\n",
      "ds.json");
  EXPECT_EQ(table.toml(),
            "{a = {b = 1, colon = \"x\\\": {\"}, list = [{c = true}, 2.5], after = \"text\"}");
  EXPECT_EQ(table.find("a")->where.text(), "ds.json:2");
  EXPECT_EQ(table.find("a")->find("colon")->where.line, 2);
  EXPECT_EQ(table.find("list")->items[0].find("c")->where.line, 5);
  EXPECT_EQ(table.find("list")->items[1].where.line, 4);
  EXPECT_EQ(table.find("after")->where.line, 8);
}

TEST(JsonTable, WholeNumbersBeyondTomlsAreFloats) {
  const Value table =
      json_table("{\"a\": 9223372036854775807, \"b\": 18446744073709551615, \"c\": 5e8}", "x");
  EXPECT_EQ(table.find("a")->kind, Value::Kind::kInt);
  EXPECT_EQ(table.find("b")->f, 18446744073709551615.0);
  EXPECT_EQ(table.find("c")->f, 5e8);
}

std::string refused_json(const std::string& text) {
  try {
    json_table(text, "ds.json");
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}

TEST(JsonTable, RefusesWhatIsNoObjectAndKeysThatStandTwice) {
  EXPECT_EQ(refused_json("[1]"), "ds.json: is not a JSON object, {...}");
  EXPECT_THAT(refused_json("{\n\"a\": 1,\n}"), testing::StartsWith("ds.json:3: not valid JSON"));
  EXPECT_THAT(refused_json(""), testing::HasSubstr("not valid JSON"));
  EXPECT_EQ(refused_json("{\"o\": {\"a\": 1},\n\"a\": 1,\n\"a\": 2}"),
            "ds.json:3: the key \"a\" stands twice in one object");
}

}  // namespace
}  // namespace slipway
