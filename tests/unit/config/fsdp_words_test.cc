// FSDP's words, and fairscale's before them.
#include "config/fsdp_words.h"

#include <gmock/gmock.h>

#include "tests/unit/config/train_section.h"

namespace slipway {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(FsdpWords, StrategiesAreStages) {
  struct Case {
    const char *written, *stage, *within, *text;
  };
  for (const Case& each : std::vector<Case>{
           {"\"full_shard auto_wrap\"", "3", "\"all\"", "\"full_shard auto_wrap\""},
           {"[\"SHARD_GRAD_OP\", \"auto_wrap\"]", "2", "\"all\"", "\"shard_grad_op auto_wrap\""},
           {"\"no_shard\"", "0", "\"all\"", "\"no_shard\""},
           {"\"hybrid_shard\"", "3", "\"node\"", "\"hybrid_shard\""},
           {"\"hybrid_shard_zero2\"", "2", "\"node\"", "\"hybrid_shard_zero2\""},
           {"true", "3", "\"all\"", "\"true\""},
           {"\"auto_wrap\"", "3", "\"all\"", "\"auto_wrap\""},
           {"false", "0", "\"all\"", "\"\""},
           {"[]", "0", "\"all\"", "\"\""},
           {"\"\"", "0", "\"all\"", "\"\""}}) {
    const TrainSection section(std::string("fsdp = ") + each.written);
    EXPECT_THAT(section.faults, ElementsAre()) << each.written;
    EXPECT_EQ(section["zero_stage"], each.stage) << each.written;
    EXPECT_EQ(section["shard_within"], each.within) << each.written;
    EXPECT_EQ(section["fsdp"], each.text) << each.written;
  }
}

TEST(FsdpWords, TheConfigurationSaysTheRest) {
  const TrainSection section(
      "fsdp = true\nfsdp_config = { fsdp_version = 2, reshard_after_forward = false, "
      "fsdp_state_dict_type = \"SHARDED_STATE_DICT\", activation_checkpointing = \"true\", "
      "cpu_ram_efficient_loading = true, transformer_layer_cls_to_wrap = [\"LlamaDecoderLayer\"], "
      "cpu_offload = false, xla = false }\n");
  EXPECT_THAT(section.faults, ElementsAre());
  EXPECT_EQ(section["zero_stage"], "2");
  EXPECT_EQ(section["save_sharded"], "true");
  EXPECT_EQ(section["activation_checkpointing"], "true");
  EXPECT_THAT(
      section.notices[1],
      HasSubstr("no effect here: cpu_ram_efficient_loading, transformer_layer_cls_to_wrap"));
}

TEST(FsdpWords, AccelerateNamesTheStrategyOrItsNumber) {
  for (const char* strategy : {"\"HYBRID_SHARD\"", "4"}) {
    const TrainSection section(
        fmt::format("fsdp = true\nfsdp_config = {{ fsdp_sharding_strategy = {} }}", strategy));
    EXPECT_THAT(section.faults, ElementsAre());
    EXPECT_EQ(section["zero_stage"], "3");
    EXPECT_EQ(section["shard_within"], "\"node\"");
  }
}

TEST(FsdpWords, TheOldArgumentsHaveNoEffect) {
  const TrainSection section(
      "fsdp = \"full_shard\"\nfsdp_min_num_params = 2000\nfsdp_transformer_layer_cls_to_wrap = "
      "\"X\"");
  EXPECT_THAT(section.faults, ElementsAre());
  EXPECT_THAT(section.notices, testing::Contains(HasSubstr("train.fsdp_min_num_params")).Times(0));
  EXPECT_THAT(section.notices, testing::Contains(HasSubstr("no effect here: fsdp_min_num_params")));
  EXPECT_EQ(
      TrainSection("fsdp_config = { min_num_params = 3 }").notices,
      (std::vector<std::string>{"run.toml:7: train.fsdp_config has no effect without train.fsdp"}));
}

TEST(FsdpWords, ContradictionsNameBothPlaces) {
  EXPECT_THAT(TrainSection("fsdp = \"full_shard\"\nzero_stage = 2").faults,
              ElementsAre("run.toml:7: train.fsdp = \"full_shard\" is zero_stage = 3 here, but "
                          "train.zero_stage = 2 stands in run.toml:8; leave one of the two out"));
  EXPECT_THAT(
      TrainSection("fsdp = \"full_shard\"\nfsdp_config = { reshard_after_forward = false }").faults,
      ElementsAre(HasSubstr("but train.fsdp = \"full_shard\" stands in run.toml:7, which is "
                            "zero_stage = 3")));
  EXPECT_THAT(
      TrainSection("fsdp = true\nfsdp_config = { activation_checkpointing = false }\n"
                   "gradient_checkpointing = true")
          .faults,
      ElementsAre(HasSubstr("but train.gradient_checkpointing = true stands in run.toml:9")));
}

TEST(FsdpWords, WhatCannotBeHadIsRefused) {
  for (const auto& [lines, reason] : std::vector<std::pair<const char*, const char*>>{
           {"fsdp = \"full_shard offload\"\ndevice = \"cuda\"",
            "cannot be had: weights and gradients, and what a block keeps, stay in the memory"},
           {"fsdp = \"full_shard shard_grad_op\"",
            "two ways of cutting, full_shard and shard_grad_op"},
           {"fsdp = \"full_shrad\"", "did you mean \"full_shard\"?"},
           {"fsdp = 3", "is not true, false, text or a list of text"},
           {"fsdp = true\ndevice = \"cuda\"\nfsdp_config = { cpu_offload = true }",
            "train.offload_optimizer = true"},
           {"fsdp = true\ndevice = \"cuda\"\nfsdp_config = { fsdp_offload_params = \"true\" }",
            "train.offload_optimizer = true"},
           {"fsdp = true\nfsdp_config = { offload_params = 2 }", "is not true or false"},
           {"fsdp = true\nfsdp_config = { fsdp_ignored_modules = \"lm_head\" }",
            "every parameter is cut"},
           {"fsdp = true\nfsdp_config = { reshard_after_forward = 4 }", "train.shard_within"},
           {"fsdp = true\nfsdp_config = { sharding_strategy = 6 }", "is not known"},
           {"fsdp = true\nfsdp_config = { state_dict_type = \"LOCAL_STATE_DICT\" }", "in pieces"},
           {"fsdp = true\nfsdp_config = { auto_wrap_policy = \"X\" }", "segments"},
           {"fsdp = true\nfsdp_config = { version = 3 }", "versions 1 and 2"},
           {"fsdp = true\nfsdp_config = { xla = true }", "no XLA"},
           {"fsdp = true\nfsdp_config = { activation_checkpointing = 2 }", "is not true or false"},
           {"fsdp = true\nfsdp_config = { use_orig_param = true }",
            "did you mean \"use_orig_params\"?"},
           {"fsdp = true\nfsdp_config = 3", "is not a path or a table"}}) {
    const TrainSection section(lines);
    ASSERT_EQ(section.faults.size(), 1u) << lines;
    EXPECT_THAT(section.faults[0], HasSubstr(reason)) << lines;
  }
}

// It is where it is to be put.
TEST(FsdpWords, OffloadingToTheProcessorThatComputesHasNoEffect) {
  const TrainSection section(
      "fsdp = \"full_shard offload\"\nfsdp_config = { activation_checkpointing_offload = \"True\", "
      "cpu_offload = true, ignored_modules = \"\", offload_params = true }\n");
  EXPECT_THAT(section.faults, ElementsAre());
  EXPECT_EQ(section["zero_stage"], "3");
  ASSERT_EQ(section.notices.size(), 2u);
  EXPECT_THAT(section.notices[1],
              HasSubstr("no effect here: fsdp.offload, activation_checkpointing_offload, "
                        "cpu_offload, offload_params"));
  EXPECT_EQ(TrainSection("sharded_ddp = \"zero_dp_3 offload\"")["zero_stage"], "3");
}

TEST(ShardedDdp, IsAStage) {
  for (const auto& [written, stage] :
       std::vector<std::pair<const char*, const char*>>{{"\"simple\"", "1"},
                                                        {"true", "1"},
                                                        {"\"zero_dp_2\"", "2"},
                                                        {"\"zero_dp_3 auto_wrap\"", "3"},
                                                        {"[\"zero_dp_2\", \"auto_wrap\"]", "2"},
                                                        {"\"\"", "0"},
                                                        {"false", "0"}}) {
    const TrainSection section(fmt::format("sharded_ddp = {}", written));
    EXPECT_THAT(section.faults, ElementsAre()) << written;
    EXPECT_EQ(section["zero_stage"], stage) << written;
    EXPECT_EQ(section.train.find("sharded_ddp"), nullptr);
  }
}

TEST(ShardedDdp, WhatWouldDoNothingIsRefused) {
  for (const auto& [written, reason] : std::vector<std::pair<const char*, const char*>>{
           {"\"auto_wrap\"", "names no way of cutting"},
           {"\"zero_dp_2 zero_dp_3\"", "two ways of cutting"},
           {"\"zero_dp_2 offload\"\ndevice = \"cuda\"", "cannot be had"},
           {"\"offload\"", "names no way of cutting"},
           {"\"zero_dp_4\"", "did you mean"}})
    EXPECT_THAT(TrainSection(fmt::format("sharded_ddp = {}", written)).faults,
                ElementsAre(HasSubstr(reason)));
}

}  // namespace
}  // namespace slipway
