// DeepSpeed's words: those of transformers' documentation, and what cannot be had.
#include "config/deepspeed_words.h"

#include <gmock/gmock.h>

#include "tests/unit/config/train_section.h"

namespace slipway {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

// The shape of the files in transformers' documentation and in LMFlow, without offloading.
constexpr const char* kDocumented = R"({
  "fp16": {"enabled": "auto", "loss_scale": 0, "loss_scale_window": 1000,
           "initial_scale_power": 16, "hysteresis": 2, "min_loss_scale": 1},
  "bf16": {"enabled": "auto"},
  "optimizer": {"type": "AdamW",
    "params": {"lr": "auto", "betas": "auto", "eps": "auto", "weight_decay": "auto"}},
  "scheduler": {"type": "WarmupLR",
    "params": {"warmup_min_lr": "auto", "warmup_max_lr": "auto", "warmup_num_steps": "auto"}},
  "zero_optimization": {"stage": 3, "overlap_comm": true, "contiguous_gradients": true,
    "sub_group_size": 1e9, "reduce_bucket_size": "auto", "stage3_prefetch_bucket_size": "auto",
    "stage3_param_persistence_threshold": "auto", "stage3_max_live_parameters": 1e9,
    "stage3_max_reuse_distance": 1e9, "stage3_gather_16bit_weights_on_model_save": true},
  "gradient_accumulation_steps": "auto", "gradient_clipping": "auto", "steps_per_print": 2000,
  "train_batch_size": "auto", "train_micro_batch_size_per_gpu": "auto",
  "wall_clock_breakdown": false
})";

TEST(DeepspeedWords, TheDocumentedFileLeavesToTheRunFileWhatIsAuto) {
  const TrainSection section =
      with_deepspeed(kDocumented, "learning_rate = 3e-4\nper_device_train_batch_size = 2\n");
  EXPECT_THAT(section.faults, ElementsAre());
  EXPECT_EQ(section["zero_stage"], "3");
  EXPECT_EQ(section["learning_rate"], "0.0003");
  EXPECT_EQ(section["per_device_train_batch_size"], "2");
  EXPECT_EQ(section["max_grad_norm"], "1.0");
  EXPECT_EQ(section["lr_scheduler_type"], "\"WarmupLR\"");
  EXPECT_EQ(section["ddp_bucket_cap_mb"], "1.0");
  ASSERT_EQ(section.notices.size(), 2u);
  EXPECT_EQ(section.notices[0],
            "run.toml:7: train.deepspeed is here optim = \"adamw_torch\", lr_scheduler_type = "
            "\"WarmupLR\", zero_stage = 3, save_sharded = false");
  EXPECT_THAT(section.notices[1], HasSubstr("zero_optimization.overlap_comm, "));
}

TEST(DeepspeedWords, NumbersBecomeKeysWhereTheRunFileSaysNothing) {
  const TrainSection section = with_deepspeed(R"({"train_micro_batch_size_per_gpu": 3,
    "gradient_accumulation_steps": 5, "gradient_clipping": 0.5, "bf16": {"enabled": true},
    "dataloader_drop_last": true, "communication_data_type": "bf16",
    "zero_optimization": {"stage": 1, "reduce_bucket_size": 2097152, "mics_shard_size": 4}})");
  EXPECT_THAT(section.faults, ElementsAre());
  EXPECT_EQ(section["per_device_train_batch_size"], "3");
  EXPECT_EQ(section["gradient_accumulation_steps"], "5");
  EXPECT_EQ(section["max_grad_norm"], "0.5");
  EXPECT_EQ(section["bf16"], "true");
  EXPECT_EQ(section["dataloader_drop_last"], "true");
  EXPECT_EQ(section["reduce_dtype"], "\"bfloat16\"");
  EXPECT_EQ(section["zero_stage"], "1");
  EXPECT_EQ(section["ddp_bucket_cap_mb"], "8.0");
  EXPECT_EQ(section["shard_within"], "\"node\"");
}

TEST(DeepspeedWords, AllContradictionsAreNamedAtOnce) {
  const TrainSection section = with_deepspeed(
      R"({"train_micro_batch_size_per_gpu": 3, "zero_optimization": {"stage": 2}, "gradient_clipping": 1})",
      "per_device_train_batch_size = 4\nzero_stage = 1\nmax_grad_norm = 1.0\n");
  EXPECT_THAT(
      section.faults,
      ElementsAre(HasSubstr("but train.per_device_train_batch_size = 4 stands in run.toml:8"),
                  HasSubstr("but train.zero_stage = 1 stands in run.toml:9; write \"auto\" "
                            "there, or leave one of the two out")));
}

TEST(DeepspeedWords, ASearchForTheBatchSizeGoesBeforeTheFile) {
  const TrainSection section =
      with_deepspeed(R"({"train_micro_batch_size_per_gpu": 3})",
                     "per_device_train_batch_size = 4\nauto_find_batch_size = true\n");
  EXPECT_THAT(section.faults, ElementsAre());
  EXPECT_EQ(section["per_device_train_batch_size"], "4");
}

TEST(DeepspeedWords, WhatCannotBeHadIsRefusedWithTheReason) {
  for (const auto& [json, reason] : std::vector<std::pair<const char*, const char*>>{
           {R"({"zero_optimization": {"offload_optimizer": {"device": "nvme"}}})",
            "offload_optimizer.device = \"nvme\" cannot be had: what a run holds stays in memory"},
           {R"({"zero_optimization": {"offload_param": {"device": "nvme"}}})",
            "zero_stage makes a rank's part small"},
           {R"({"zero_optimization": {"cpu_offload_param": 1}})", "is not true or false"},
           {R"({"zero_optimization": {"cpu_offload": "yes"}})", "is not true or false"},
           {R"({"zero_optimization": {"zenflow": {"topk_ratio": 0.1}}})",
            "every gradient is in the update of its step"},
           {R"({"bf16": {"enabled": true, "check_grad_overflow": true}})", "ends the run"},
           {R"({"zero_optimization": {"zero_quantized_weights": true}})", "bfloat16"},
           {R"({"zero_optimization": 7})", "is not a table"},
           {R"({"zero_optimization": {"reduce_bucket_size": "big"}})", "is not a number"},
           {R"({"zero_optimization": {"stage": 4}})", "train.zero_stage is 4, at most 3"},
           {R"({"zero_optimization": {"stage": "two"}})", "a whole number is needed"},
           {R"({"fp16": true})", "is not a table"},
           {R"({"fp16": {"enabled": true, "consecutive_hysteresis": 1}})", "is not true or false"},
           {R"({"fp16": {"enabled": true, "fp16_master_weights_and_grads": true}})",
            "weights and gradients are float32"},
           {R"({"fp16": {"enabled": true, "hysteresis": "two"}})", "is not a whole number"},
           {R"({"fp16": {"enabled": true, "loss_scale_window": 0}})", "a whole number from 1"},
           {R"({"fp16": {"enabled": true, "initial_scale_power": 1.5}})", "is not a whole number"},
           {R"({"fp16": {"enabled": true, "loss_scale": "big"}})", "is not a number"},
           {R"({"fp16": {"enabled": true, "histeresis": 2}})", "did you mean \"hysteresis\"?"},
           {R"({"amp": {"enabled": true}})", "float32"},
           {R"({"data_types": {"grad_accum_dtype": "bf16"}})", "summed in float32"},
           {R"({"communication_data_type": "fp16"})", "\"fp32\" or \"bf16\""},
           {R"({"tensorboard": {"enabled": true}})", "[[logger]] use = \"tensorboard\""},
           {R"({"wandb": {"enabled": true}})", "no logger plugin"},
           {R"({"elasticity": {"enabled": true}})", "any number goes on"},
           {R"({"curriculum_learning": {"enabled": true}})", "train_sampling_strategy"},
           {R"({"compression_training": {"x": 1}})", "dense"},
           {R"({"tensor_parallel": {"autotp_size": 2}})", "whole blocks"},
           {R"({"autotuning": {"enabled": true}})", "slipway search"},
           {R"({"checkpoint": {"use_node_local_storage": true}})", "which all machines share"},
           {R"({"train_batch_size": 0})", "a whole number over 0"},
           {R"({"zero_optimisation": {}})", "did you mean \"zero_optimization\"?"},
           {R"({"zero_optimization": {"overlap_com": true}})", "did you mean \"overlap_comm\"?"},
           {R"({"min_lr": 1})", "deepspeed.min_lr = 1 is not known"}}) {
    const TrainSection section = with_deepspeed(json);
    ASSERT_EQ(section.faults.size(), 1u) << json;
    EXPECT_THAT(section.faults[0], testing::AllOf(StartsWith("run.toml:7: "), HasSubstr(reason)));
  }
}

TEST(DeepspeedWords, WhatAsksForNothingIsNoFault) {
  const TrainSection section = with_deepspeed(R"({
    "fp16": {"enabled": false}, "amp": {"enabled": "auto", "opt_level": "auto"},
    "zero_optimization": {"offload_optimizer": {"device": "none", "pin_memory": true},
      "offload_param": null, "zero_quantized_gradients": false, "zero_hpz_partition_size": 1,
      "mics_shard_size": -1},
    "tensorboard": {"enabled": false, "output_path": "x"}, "elasticity": {"enabled": false},
    "aio": {"block_size": 262144}, "flops_profiler": {"enabled": true},
    "activation_checkpointing": {"number_checkpoints": null, "cpu_checkpointing": false},
    "data_types": {"grad_accum_dtype": "fp32"}, "checkpoint": {"tag_validation": "Ignore"},
    "zero_allow_untested_optimizer": true, "sequence_parallel_size": 1})");
  EXPECT_THAT(section.faults, ElementsAre());
  EXPECT_EQ(section["zero_stage"], "0");
  EXPECT_EQ(section["shard_within"], "\"all\"");
}

// What it leaves out is DeepSpeed's default, not torch's.
TEST(DeepspeedWords, ItsLossScaleIsTheKeys) {
  const TrainSection own = with_deepspeed(R"({"fp16": {"enabled": true}})");
  EXPECT_THAT(own.faults, ElementsAre());
  EXPECT_EQ(own["fp16"], "true");
  EXPECT_EQ(
      own["grad_scaler_kwargs"],
      "{init_scale = 65536.0, loss_scale_window = 1000, hysteresis = 2, min_loss_scale = 1.0}");
  const TrainSection said = with_deepspeed(
      R"({"fp16": {"enabled": "auto", "loss_scale": 0, "initial_scale_power": 12,
          "loss_scale_window": 500, "hysteresis": 1, "min_loss_scale": 0.5, "auto_cast": false}})",
      "fp16 = true\n");
  EXPECT_THAT(said.faults, ElementsAre());
  EXPECT_EQ(said["grad_scaler_kwargs"],
            "{init_scale = 4096.0, loss_scale_window = 500, hysteresis = 1, min_loss_scale = 0.5}");
  EXPECT_EQ(with_deepspeed(kDocumented)["grad_scaler_kwargs"], "{}");
  const TrainSection refilled = with_deepspeed(
      R"({"fp16": {"enabled": true, "consecutive_hysteresis": true, "min_loss_scale": 2}})");
  EXPECT_EQ(refilled["grad_scaler_kwargs"],
            "{init_scale = 65536.0, loss_scale_window = 1000, hysteresis = 2, "
            "consecutive_hysteresis = true, min_loss_scale = 2.0}");
  const TrainSection stays = with_deepspeed(
      R"({"fp16": {"enabled": true, "loss_scale": 128, "hysteresis": 4, "min_loss_scale": 1}})");
  EXPECT_THAT(stays.faults, ElementsAre());
  EXPECT_EQ(stays["grad_scaler_kwargs"], "{loss_scale = 128.0}");
  EXPECT_THAT(with_deepspeed(R"({"fp16": {"enabled": false}})", "fp16 = true\n").faults,
              ElementsAre(HasSubstr("but train.fp16 = true stands in")));
}

TEST(DeepspeedWords, TheSwitchOfBeforeIsStageOne) {
  EXPECT_EQ(with_deepspeed(R"({"zero_optimization": true})")["zero_stage"], "1");
  EXPECT_EQ(with_deepspeed(R"({"zero_optimization": false})")["zero_stage"], "0");
}

TEST(DeepspeedWords, TheOptimizerOfAGpuOnTheProcessorIsTheKey) {
  const char* kGpu = "device = \"cuda\"\n";
  const auto offload = [&](const char* device) {
    return with_deepspeed(
        fmt::format(R"({{"zero_optimization": {{"offload_optimizer": {{"device": "{}"}}}}}})",
                    device),
        kGpu);
  };
  EXPECT_EQ(offload("cpu")["offload_optimizer"], "true");
  EXPECT_EQ(offload("none")["offload_optimizer"], "false");
  EXPECT_EQ(
      with_deepspeed(R"({"zero_optimization": {"cpu_offload": true}})", kGpu)["offload_optimizer"],
      "true");
  for (const char* weights : {R"({"zero_optimization": {"offload_param": {"device": "cpu"}}})",
                              R"({"zero_optimization": {"cpu_offload_param": true}})",
                              R"({"zero_optimization": {"cpu_offload_params": true}})"})
    EXPECT_THAT(with_deepspeed(weights, kGpu).faults,
                ElementsAre(HasSubstr("stay in the memory of the GPU that computes")))
        << weights;
}

// ZeRO-Offload's file, where everything is in the processor's memory already.
TEST(DeepspeedWords, OffloadingToTheProcessorThatComputesHasNoEffect) {
  const TrainSection section = with_deepspeed(R"({"zero_optimization": {"stage": 3,
    "offload_optimizer": {"device": "cpu", "pin_memory": true},
    "offload_param": {"device": "cpu", "pin_memory": true}, "cpu_offload_param": true}})");
  EXPECT_THAT(section.faults, ElementsAre());
  EXPECT_EQ(section["zero_stage"], "3");
  EXPECT_EQ(section["offload_optimizer"], "false");
  ASSERT_EQ(section.notices.size(), 2u);
  EXPECT_THAT(section.notices[1], HasSubstr("zero_optimization.offload_optimizer.device, "
                                            "zero_optimization.offload_optimizer.pin_memory, "
                                            "zero_optimization.offload_param.device, "));
}

}  // namespace
}  // namespace slipway
