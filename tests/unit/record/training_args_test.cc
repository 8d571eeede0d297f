// training_args.json: names and values that transformers' TrainingArguments takes.
#include "record/training_args.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

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
  for (const char* key : {"device", "max_tokens_per_batch", "max_shard_size", "async_save"})
    EXPECT_FALSE(args.contains(key)) << key;
}

TEST(TrainingArgs, NameOptimizersAsThePeerDoes) {
  EXPECT_EQ(arguments_of({"train.optim=adamw_hf"})["optim"], "adamw_torch");
  EXPECT_EQ(arguments_of({"train.optim=lion"})["optim"], "lion_32bit");
  EXPECT_EQ(arguments_of({"train.optim=adamw_torch_fused"})["optim"], "adamw_torch_fused");
}

}  // namespace
}  // namespace slipway
