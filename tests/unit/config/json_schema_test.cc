// The JSON Schema holds what the tables say.
#include "config/json_schema.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/blocks.h"
#include "config/other_names.h"
#include "config/schema.h"

namespace slipway {
namespace {

TEST(JsonSchema, HasEveryKeyAndBlockWithItsHelp) {
  const Json schema = run_file_json_schema(), &sections = schema["properties"];
  EXPECT_EQ(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
  for (const Key& key : run_schema())
    EXPECT_EQ(sections[key.section]["properties"][key.name]["description"], key.help) << key.name;
  for (const BlockKey& key : block_schema()) {
    const Json& block = is_repeated(key.block) ? sections[key.block]["items"] : sections[key.block];
    EXPECT_EQ(block["properties"][key.name]["description"], key.help) << key.name;
  }
  for (const OtherName& each : known_other_names())
    EXPECT_EQ(sections[each.section]["properties"][each.name]["deprecated"], true) << each.name;
  EXPECT_EQ(schema["required"], (Json{"run", "data"}));
}

TEST(JsonSchema, TypesRangesChoicesAndDefaults) {
  const Json schema = run_file_json_schema();
  const auto of = [&](const char* section, const char* key) {
    return schema["properties"][section]["properties"][key];
  };
  EXPECT_EQ(of("train", "adam_beta1")["type"], "number");
  EXPECT_EQ(of("train", "adam_beta1")["minimum"], 0.0);
  EXPECT_EQ(of("train", "adam_beta1")["maximum"], 1.0);
  EXPECT_EQ(of("train", "adam_beta1")["default"], 0.9);
  EXPECT_EQ(of("run", "algorithm")["enum"], (Json{"sft", "raft"}));
  EXPECT_EQ(of("train", "greater_is_better")["enum"], (Json{"auto", "true", "false", true, false}));
  EXPECT_FALSE(of("raft", "stop_reward").contains("default"));  // infinity
  EXPECT_EQ(of("data", "eval")["oneOf"].size(), 3u);
  EXPECT_EQ(of("train", "deepspeed")["type"], (Json{"object", "string"}));
  EXPECT_EQ(of("train", "fsdp")["type"], (Json{"string", "boolean", "array"}));
  EXPECT_EQ(schema["properties"]["reward"]["items"]["required"], (Json{"use"}));
  EXPECT_EQ(schema["properties"]["search"]["properties"]["direction"]["enum"],
            (Json{"minimize", "maximize"}));
}

}  // namespace
}  // namespace slipway
