// Which modules get an adapter: PEFT's rules.
#include "model/lora.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/error.h"

namespace slipway {
namespace {

std::vector<ParameterSpec> model(bool tied = false) {
  std::vector<ParameterSpec> out{{"model.embed_tokens.weight", {40, 8}, true, true, -1, 0}};
  for (int layer = 0; layer < 3; ++layer) {
    const std::string at = "model.layers." + std::to_string(layer) + ".";
    out.push_back({at + "input_layernorm.weight", {8}, true, false, -1, layer + 1});
    out.push_back({at + "self_attn.q_proj.weight", {12, 8}, true, true, -1, layer + 1});
    out.push_back({at + "self_attn.q_proj.bias", {12}, true, false, -1, layer + 1});
    out.push_back({at + "mlp.up_proj.weight", {16, 8}, true, true, -1, layer + 1});
    out.push_back({at + "mlp.up_proj.bias", {16}, true, false, -1, layer + 1});
  }
  out.push_back({"lm_head.weight", {40, 8}, true, true, tied ? 0 : -1, 4});
  return out;
}

std::vector<std::string> adapted(const LoraSettings& settings, bool tied = false) {
  std::vector<ParameterSpec> specs = model(tied);
  std::vector<std::string> out;
  for (const AdaptedWeight& each : add_adapters(specs, settings))
    out.push_back(specs[each.weight].name);
  return out;
}

std::vector<std::string> trained(const LoraSettings& settings) {
  std::vector<ParameterSpec> specs = model();
  add_adapters(specs, settings);
  std::vector<std::string> out;
  for (const ParameterSpec& spec : specs)
    if (spec.trainable && !spec.adapter) out.push_back(spec.name);
  return out;
}

std::string refusal(const LoraSettings& settings, bool tied = false) {
  try {
    adapted(settings, tied);
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}

TEST(Lora, WordsAreNamesOrTheirEnds) {
  EXPECT_EQ(adapted({.target_modules = {"q_proj"}}).size(), 3u);
  EXPECT_EQ(adapted({.target_modules = {"self_attn.q_proj", "up_proj"}}).size(), 6u);
  EXPECT_EQ(adapted({.target_modules = {"model.layers.1.mlp.up_proj"}}),
            std::vector<std::string>{"model.layers.1.mlp.up_proj.weight"});
  EXPECT_EQ(adapted({.target_modules = {"all-linear"}}).size(), 6u) << "no embedding, no head";
  EXPECT_EQ(adapted({.target_modules = {"all-linear"}, .exclude_modules = {"up_proj"}}).size(), 3u);
  EXPECT_EQ(adapted({.target_pattern = ".*layers\\.[01]\\..*q_proj"}).size(), 2u);
  EXPECT_EQ(adapted({.target_modules = {"q_proj"}, .layers_to_transform = {0, 2}}).size(), 2u);
}

TEST(Lora, AWordThatNoModuleGoesByIsNamed) {
  const std::string said = refusal({.target_modules = {"q_proj", "up_porj"}});
  EXPECT_NE(said.find("\"up_porj\""), std::string::npos) << said;
  EXPECT_NE(said.find("did you mean \"up_proj\"?"), std::string::npos) << said;
  EXPECT_NE(refusal({.modules_to_save = {"score"}}).find("lora.modules_to_save"),
            std::string::npos);
  EXPECT_NE(refusal({.target_pattern = "nothing"}).find("no module"), std::string::npos);
  EXPECT_NE(refusal({.target_pattern = "(((("}).find("regular expression"), std::string::npos);
  EXPECT_NE(refusal({.target_modules = {"embed_tokens"}}).find("modules_to_save"),
            std::string::npos);
  EXPECT_NE(refusal({.target_modules = {"input_layernorm"}}).find("not a matrix"),
            std::string::npos);
  EXPECT_NE(refusal({.target_modules = {"lm_head"}}, true).find("tied"), std::string::npos);
  EXPECT_EQ(refusal({.target_modules = {"lm_head"}}), "");
}

TEST(Lora, RanksAndScalesGoByPatterns) {
  std::vector<ParameterSpec> specs = model();
  const LoraSettings settings{.r = 4,
                              .alpha = 6,
                              .rslora = true,
                              .rank_pattern = {{"up_proj", 9}},
                              .alpha_pattern = {{"layers.1.mlp.up_proj", 3}, {".*q_.*", 2}}};
  for (const AdaptedWeight& each : add_adapters(specs, settings)) {
    const std::string& name = specs[each.weight].name;
    const bool up = name.find("up_proj") != std::string::npos;
    EXPECT_EQ(specs[each.a].shape, (std::vector<int64_t>{up ? 9 : 4, 8})) << name;
    EXPECT_EQ(specs[each.b].shape, (std::vector<int64_t>{up ? 16 : 12, up ? 9 : 4})) << name;
    EXPECT_EQ(specs[each.a].segment, specs[each.weight].segment);
    const double alpha = !up ? 2 : name.find("layers.1") != std::string::npos ? 3 : 6;
    EXPECT_DOUBLE_EQ(each.scale, alpha / (up ? 3.0 : 2.0)) << name;
  }
}

TEST(Lora, WhatIsTrainedBesideThem) {
  EXPECT_TRUE(trained({}).empty());
  EXPECT_EQ(trained({.modules_to_save = {"lm_head"}}), std::vector<std::string>{"lm_head.weight"});
  EXPECT_EQ(trained({.target_modules = {"q_proj"}, .bias = "all"}).size(), 6u);
  EXPECT_EQ(trained({.target_modules = {"q_proj"}, .bias = "lora_only"}).size(), 3u);
}

}  // namespace
}  // namespace slipway
