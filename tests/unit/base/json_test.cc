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
  EXPECT_THAT([] { parse_json("", "x.jsonl", 7); }, testing::ThrowsMessage<Error>(testing::StartsWith("x.jsonl:7: ")));
}

TEST(Json, KeepsOrder) { EXPECT_EQ(parse_json(R"({"z":1,"a":2})", "x").dump(), R"({"z":1,"a":2})"); }

TEST(Json, NumbersReadBack) {
  for (const double value : {0.1, 1.0 / 3.0, 1e-300, 5e-5, -0.0, 123456789.125})
    EXPECT_EQ(std::stod(json_number(value)), value);
  EXPECT_EQ(json_number(std::nan("")), "NaN");
  EXPECT_EQ(json_number(-INFINITY), "-Infinity");
}

}  // namespace
}  // namespace slipway
