// training_args.json: names and values that transformers' TrainingArguments takes.
#include "record/training_args.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/files.h"
#include "base/json.h"

namespace slipway {
namespace {

const char* const kRunFile = "tests/e2e/tiny_resume.toml";

Json arguments_of(const std::vector<std::string>& overrides) {
  return training_args(load_run_config(kRunFile, overrides, nullptr));
}

TEST(TrainingArgs, HoldTheRunFilesValues) {
  const Json args = arguments_of({});
  EXPECT_EQ(args["learning_rate"], 3e-3);
  EXPECT_EQ(args["max_steps"], 40);
  EXPECT_EQ(args["lr_scheduler_type"], "linear");
  EXPECT_EQ(args["output_dir"], (std::filesystem::current_path() / "runs/tiny-resume").string());
  EXPECT_EQ(args["use_cpu"], true);
}

TEST(TrainingArgs, HaveNoneWhereThePeerHas) {
  const Json args = arguments_of({});
  for (const char* key : {"optim_args", "eval_steps", "save_total_limit", "metric_for_best_model",
                          "greater_is_better", "data_seed", "neftune_noise_alpha", "run_name"})
    EXPECT_TRUE(args.at(key).is_null()) << key;
  EXPECT_EQ(arguments_of({"train.greater_is_better=true"})["greater_is_better"], true);
  EXPECT_EQ(arguments_of({"train.save_total_limit=3"})["save_total_limit"], 3);
  EXPECT_EQ(arguments_of({"train.data_seed=0"})["data_seed"], 0);
}

TEST(TrainingArgs, HaveNoKeyOfOurs) {
  const Json args = arguments_of({});
  const Json known = parse_json(read_file("tests/parity/data/training_arguments.json"),
                                "training_arguments.json")["arguments"];
  for (const auto& [name, value] : args.items()) EXPECT_TRUE(known.contains(name)) << name;
  for (const char* key : {"device", "max_tokens_per_batch", "zero_stage", "rank_timeout"})
    EXPECT_FALSE(args.contains(key)) << key;
}

TEST(TrainingArgs, NameOptimizersAsThePeerDoes) {
  EXPECT_EQ(arguments_of({"train.optim=adamw_hf"})["optim"], "adamw_torch");
  EXPECT_EQ(arguments_of({"train.optim=lion"})["optim"], "lion_32bit");
  EXPECT_EQ(arguments_of({"train.optim=adamw_torch_fused"})["optim"], "adamw_torch_fused");
}

TEST(TrainingArgs, TellDeepspeedAsItWasGiven) {
  const Json plain = arguments_of({});
  for (const char* key :
       {"deepspeed", "fsdp", "fsdp_config", "accelerator_config", "ddp_bucket_cap_mb"})
    EXPECT_TRUE(plain.at(key).is_null()) << key;
  const Json args = arguments_of({R"(train.deepspeed={"zero_optimization": {"stage": 1},
      "bf16": {"enabled": "auto"}, "scheduler": {"type": "WarmupDecayLR"}})"});
  EXPECT_EQ(args["deepspeed"], parse_json(R"({"zero_optimization": {"stage": 1}, "bf16":
      {"enabled": "auto"}, "scheduler": {"type": "WarmupDecayLR"}})",
                                          "x"));
  EXPECT_EQ(args["lr_scheduler_type"], "linear");
}

TEST(TrainingArgs, HaveTheNearestScheduleThatThePeerHas) {
  const Json args = arguments_of({"train.lr_scheduler_type=WarmupCosineLR",
                                  "train.lr_scheduler_kwargs={ cos_min_ratio = 0.1 }"});
  EXPECT_EQ(args["lr_scheduler_type"], "cosine");
  EXPECT_EQ(args["lr_scheduler_kwargs"], Json::object());
}

TEST(TrainingArgs, TellFsdpAsThePeerResolvesIt) {
  const auto of = [](const std::string& fsdp, const std::string& more = "{}") {
    const Json args = arguments_of({"train.fsdp=" + fsdp, "train.fsdp_config=" + more});
    EXPECT_EQ(args["fsdp"], true);
    return args["fsdp_config"];
  };
  EXPECT_EQ(of("full_shard auto_wrap"),
            parse_json(R"({"reshard_after_forward": true, "min_num_params": 0, "xla": false,
                           "xla_fsdp_v2": false, "xla_fsdp_grad_ckpt": false})",
                       "x"));
  EXPECT_EQ(of("shard_grad_op")["reshard_after_forward"], false);
  EXPECT_EQ(of("hybrid_shard")["reshard_after_forward"], "hybrid_shard");
  EXPECT_EQ(of("hybrid_shard")["version"], 1);
  EXPECT_EQ(of("full_shard", "{ version = 1 }")["reshard_after_forward"], "full_shard");
  const Json more =
      of("true", "{ fsdp_transformer_layer_cls_to_wrap = \"X\", min_num_params = 7 }");
  EXPECT_EQ(more["transformer_layer_cls_to_wrap"], Json::array({"X"}));
  EXPECT_EQ(more["min_num_params"], 7);
}

}  // namespace
}  // namespace slipway
