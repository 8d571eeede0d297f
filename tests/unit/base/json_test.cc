// JSON: errors that name file and line, numbers that read back.
#include "base/json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"

namespace slipway {
namespace {

TEST(Json, ErrorNamesFileAndLine) {
  EXPECT_THAT([] { parse_json("{\n \"a\": 1,\n \"b\": }\n", "x.json"); },
              testing::ThrowsMessage<Error>(testing::StartsWith("x.json:3: not valid JSON: ")));
  EXPECT_THAT([] { parse_json("", "x.jsonl", 7); },
              testing::ThrowsMessage<Error>(testing::StartsWith("x.jsonl:7: ")));
}

TEST(Json, KeepsOrder) {
  EXPECT_EQ(parse_json(R"({"z":1,"a":2})", "x").dump(), R"({"z":1,"a":2})");
}

TEST(Json, DepthIsLimited) {
  const auto nested = [](int depth) {
    return std::string(static_cast<size_t>(depth), '[') +
           std::string(static_cast<size_t>(depth), ']');
  };
  EXPECT_NO_THROW(parse_json(nested(512), "x"));
  EXPECT_NO_THROW(parse_json("\"" + nested(5000) + "\\\"[\"", "x"))
      << "brackets in text nest nothing";
  EXPECT_THAT([&] { parse_json("\n" + nested(513), "x"); },
              testing::ThrowsMessage<Error>("x:2: not usable JSON: nests deeper than 512"));
  EXPECT_THROW(parse_json(std::string(3'000'000, '['), "x"), Error);
  EXPECT_THAT([] { parse_json("[1,\n1e999]", "x"); },
              testing::ThrowsMessage<Error>(testing::StartsWith("x:")));
}

TEST(Json, AnEscapedQuoteDoesNotEndAText) {
  EXPECT_NO_THROW(parse_json("\"\\\"" + std::string(600, '[') + "\"", "x"))
      << "the brackets are text";
}

TEST(Json, NothingMayFollowAValue) {
  using namespace std::string_literals;
  const auto refuses = [](const std::string& text) {
    EXPECT_THAT([&] { parse_json(text, "x.json"); },
                testing::ThrowsMessage<Error>(testing::StartsWith("x.json:")))
        << text;
    EXPECT_THROW(check_json(text, "x.json"), Error) << text;
    EXPECT_THROW(parse_unique_json(text, "x.json"), Error) << text;
  };
  for (const std::string& rest : {"\0"s, "\0{}"s, " x"s, "{}"s, "]"s, "\n\0\0\0"s})
    refuses("{\"a\": 1}" + rest);
  refuses("{\"a\": \"b\0c\"}"s);
  EXPECT_THAT([] { parse_json("[1,\n\0]"s, "x.json"); },
              testing::ThrowsMessage<Error>(
                  "x.json:2: not valid JSON: holds a NUL byte; is the file damaged?"));
}

TEST(Json, TheLastOfEqualKeysWins) {
  std::string many = "{";
  for (int i = 0; i < 40; ++i) many += "\"k" + std::to_string(i) + "\":" + std::to_string(i) + ",";
  EXPECT_EQ(parse_json(R"({"a":1,"b":2,"a":3})", "x").dump(), R"({"a":3,"b":2})");
  const Json json = parse_json(many + "\"k3\":-3,\"k30\":-30}", "x");
  EXPECT_EQ(json.size(), 40u);
  EXPECT_EQ(json["k3"], -3);
  EXPECT_EQ(json["k30"], -30);
  EXPECT_EQ(json.begin().key(), "k0");
}

TEST(Json, AnObjectsKeysAreToldAsTheyCome) {
  std::string text = "{", expected;
  for (int i = 1; i <= 20; ++i) {  // few and many
    text += "\"k" + std::to_string(i) + "\":{\"in\":0},";
    expected += "k" + std::to_string(i) + " " + std::to_string(i) + ";in 1;";
  }
  std::string told;
  const KeyCheck tell = [&](const std::string& key, size_t keys, bool again) {
    told += key + " " + std::to_string(keys) + (again ? " again;" : ";");
  };
  (void)parse_json(text + "\"k2\":1,\"k20\":2}", "x", 1, tell);
  EXPECT_EQ(told, expected + "k2 20 again;k20 20 again;");
  EXPECT_THAT(
      [] {
        parse_json("{\"a\":1,\"a\":", "x", 1, [](const std::string& key, size_t, bool again) {
          if (again) throw Error(key + " again");
        });
      },
      testing::ThrowsMessage<Error>("a again"))
      << "before its value is read";
}

TEST(Json, ManyKeysTakeNoQuadraticTime) {
  std::string text = "{";
  for (int i = 0; i < 200'000; ++i)
    text += "\"key" + std::to_string(i) + "\":[" + std::to_string(i) + "],";
  text.back() = '}';
  EXPECT_EQ(parse_json(text, "x").size(), 200'000u);  // a search for each key would need minutes
}

TEST(Json, MessagesQuoteLittle) {
  const std::string name(1'000'000, 'n');
  for (const std::string& text : {"{\"" + name + "\":1,\"" + name + "\":2}", "{\"" + name}) {
    try {
      parse_unique_json(text, "x");
      ADD_FAILURE() << "read";
    } catch (const Error& e) {
      EXPECT_LT(std::string_view(e.what()).size(), 1000u);
    }
  }
}

TEST(Json, AGitLfsPointerIsNamed) {
  const std::string pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:ab\nsize 5\n";
  EXPECT_THAT([&] { parse_json(pointer, "config.json"); },
              testing::ThrowsMessage<Error>(testing::AllOf(testing::StartsWith("config.json: "),
                                                           testing::HasSubstr("git lfs pull"))));
}

TEST(Json, CheckFindsWhatParseFinds) {
  EXPECT_NO_THROW(check_json(R"({"a":[1,-1,1.5,true,null,"x"]})", "x"));
  EXPECT_THAT([] { check_json("{\n \"a\": }", "x.json"); },
              testing::ThrowsMessage<Error>(testing::StartsWith("x.json:2: not valid JSON: ")));
  EXPECT_THROW(check_json("[1e999]", "x"), Error);
}

TEST(Json, NumbersReadBack) {
  for (const double value : {0.1, 1.0 / 3.0, 1e-300, 5e-5, -0.0, 123456789.125})
    EXPECT_EQ(std::stod(json_number(value)), value);
  EXPECT_EQ(json_number(std::nan("")), "NaN");
  EXPECT_EQ(json_number(-INFINITY), "-Infinity");
}

}  // namespace
}  // namespace slipway
