// adapter_config.json in both directions, and what is refused of it.
#include "weights/lora_settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "weights/whole_match.h"

namespace slipway {
namespace {

Json least() { return {{"peft_type", "LORA"}, {"target_modules", {"q_proj"}}}; }

std::string refusal(const Json& config) {
  try {
    lora_of(config, "adapter_config.json");
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}

TEST(LoraSettings, WhatIsWrittenReadsBack) {
  LoraSettings s;
  s.r = 4, s.alpha = 6.5, s.dropout = 0.25, s.rslora = true, s.bias = "lora_only";
  s.target_modules = {"q_proj", "up_proj"}, s.modules_to_save = {"lm_head"};
  s.exclude_modules = {"k_proj"}, s.layers_to_transform = {0, 2}, s.init = "gaussian";
  s.rank_pattern = {{"down_proj", 2}}, s.alpha_pattern = {{"layers.1.*", 3.0}};
  const Json written = adapter_config(s, "some/model");
  EXPECT_EQ(written.at("base_model_name_or_path"), "some/model");
  const LoraSettings read = lora_of(written, "x");
  EXPECT_EQ(adapter_config(read, "some/model"), written);
  EXPECT_EQ(read.alpha, 6.5);
  EXPECT_EQ(read.layers_to_transform, s.layers_to_transform);
  s.target_modules = {"all-linear"};
  EXPECT_EQ(adapter_config(s, "").at("target_modules"), "all-linear");
  s.target_pattern = ".*q_proj";
  EXPECT_EQ(lora_of(adapter_config(s, ""), "x").target_pattern, ".*q_proj");
}

TEST(LoraSettings, DefaultsArePefts) {
  const LoraSettings read = lora_of(least(), "x");
  EXPECT_EQ(read.r, 8);
  EXPECT_EQ(read.scale_of("model.layers.0.self_attn.q_proj"), 1.0);
  EXPECT_EQ(read.bias, "none");
}

TEST(LoraSettings, WhatIsAskedForBesideIsNamed) {
  const std::pair<const char*, Json> asked[] = {{"use_dora", true},
                                                {"peft_type", "LOHA"},
                                                {"init_lora_weights", "pissa"},
                                                {"init_lora_weights", false},
                                                {"layer_replication", {{0, 2}}},
                                                {"trainable_token_indices", {1}},
                                                {"lora_bias", true},
                                                {"r", 0},
                                                {"r", "many"},
                                                {"lora_dropout", 1.0},
                                                {"bias", "some"},
                                                {"rank_pattern", {{"q_proj", "x"}}},
                                                {"target_modules", {7}}};
  for (const auto& [key, value] : asked) {
    Json config = least();
    config[key] = value;
    EXPECT_THAT(refusal(config), testing::HasSubstr(std::string("\"") + key + "\"")) << value;
  }
  EXPECT_THAT(refusal(Json::object()), testing::HasSubstr("target_modules"));
  EXPECT_THAT(refusal(7), testing::HasSubstr("not a JSON object"));
}

TEST(WholeMatch, IsAllOfTheName) {
  const WholeMatch match(".*layers\\.[01]\\..*q_proj", "target_pattern");
  EXPECT_TRUE(match("model.layers.1.self_attn.q_proj"));
  EXPECT_FALSE(match("model.layers.2.self_attn.q_proj"));
  EXPECT_FALSE(match("model.layers.1.self_attn.q_proj.x"));
  EXPECT_THROW(WholeMatch("((", "target_pattern"), Error);
  EXPECT_THROW(WholeMatch("(a|aa)+[bc]", "x")(std::string(60, 'a')), Error) << "takes too much";
}

}  // namespace
}  // namespace slipway
