// The order of transformers' parameters, and the rule of names for weight decay: as the peer gives
// them (tests/parity/record_resume.py).
#include "weights/module_order.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/files.h"
#include "base/json.h"

namespace slipway {
namespace {

std::vector<std::string> ordered(const std::vector<std::string>& names) {
  std::vector<std::string> out;
  for (const size_t i : module_order(names)) out.push_back(names[i]);
  return out;
}

TEST(ModuleOrder, IsThatOfTransformersFromAnyOrder) {
  const Json parameters =
      parse_json(read_file("tests/parity/data/resume/record.json"), "record.json").at("parameters");
  std::vector<std::string> theirs;
  for (const auto& [name, decays] : parameters.items()) {
    theirs.push_back(name);
    EXPECT_EQ(decays_by_name(name), decays.get<bool>()) << name;
  }
  ASSERT_GT(theirs.size(), 20u);
  EXPECT_EQ(ordered(theirs), theirs);
  std::vector<std::string> sorted = theirs;
  std::ranges::sort(sorted);
  EXPECT_EQ(ordered(sorted), theirs);
  std::ranges::reverse(sorted);
  EXPECT_EQ(ordered(sorted), theirs);
}

TEST(ModuleOrder, LayersGoByNumberAndBiasesFollowTheirWeight) {
  EXPECT_THAT(ordered({"m.layers.10.q_proj.bias", "m.layers.10.q_proj.weight",
                       "m.layers.9.k_proj.weight", "m.layers.9.q_proj.weight"}),
              testing::ElementsAre("m.layers.9.q_proj.weight", "m.layers.9.k_proj.weight",
                                   "m.layers.10.q_proj.weight", "m.layers.10.q_proj.bias"));
}

TEST(ModuleOrder, UnknownPartsStayAsTheyAreGiven) {
  EXPECT_THAT(ordered({"b.0.first.weight", "b.0.second.weight", "table.weight", "lm_head.weight"}),
              testing::ElementsAre("lm_head.weight", "b.0.first.weight", "b.0.second.weight",
                                   "table.weight"));
}

TEST(ModuleOrder, NormsAndBiasesTakeNoDecay) {
  for (const char* name : {"a.q_proj.bias", "a.input_layernorm.weight", "model.norm.weight",
                           "a.q_norm.weight", "a.RMSNorm.weight", "norm"})
    EXPECT_FALSE(decays_by_name(name)) << name;
  for (const char* name : {"a.normalizer.weight", "a.q_proj.weight", "abnorm.weight"})
    EXPECT_TRUE(decays_by_name(name)) << name;
}

}  // namespace
}  // namespace slipway
