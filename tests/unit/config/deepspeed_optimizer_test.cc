// "optimizer" and "scheduler" of a DeepSpeed configuration as keys of [train].
#include "config/deepspeed_optimizer.h"

#include <gmock/gmock.h>

#include "tests/unit/config/train_section.h"

namespace slipway {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TrainSection optimizer(const std::string& inner, const std::string& lines = "") {
  return with_deepspeed(R"({"optimizer": {)" + inner + "}}", lines);
}
TrainSection scheduler(const std::string& inner, const std::string& lines = "") {
  return with_deepspeed(R"({"scheduler": {)" + inner + "}}", lines);
}

TEST(DeepspeedOptimizer, ParametersBecomeKeys) {
  const TrainSection section = optimizer(
      R"("type": "Adam", "params": {"lr": 3e-5, "betas": [0.8, 0.95], "eps": 1e-6,
         "weight_decay": 0.1, "adam_w_mode": true, "torch_adam": true})");
  EXPECT_THAT(section.faults, ElementsAre());
  EXPECT_EQ(section["optim"], "\"adamw_torch\"");
  EXPECT_EQ(section["learning_rate"], "3e-05");
  EXPECT_EQ(section["adam_beta1"], "0.8");
  EXPECT_EQ(section["adam_beta2"], "0.95");
  EXPECT_EQ(section["adam_epsilon"], "1e-06");
  EXPECT_EQ(section["weight_decay"], "0.1");
}

TEST(DeepspeedOptimizer, OthersTakeTheirArguments) {
  const TrainSection sgd = optimizer(
      R"("type": "SGD", "params": {"lr": 0.1, "momentum": 0.9, "nesterov": true, "dampening": "auto"})");
  EXPECT_THAT(sgd.faults, ElementsAre());
  EXPECT_EQ(sgd["optim"], "\"sgd\"");
  EXPECT_EQ(sgd["optim_args"], "\"momentum=0.9, nesterov=true\"");
  EXPECT_EQ(optimizer(R"("type": "lion")")["optim"], "\"lion_32bit\"");
  EXPECT_EQ(optimizer(R"("type": "Adagrad", "params": {"eps": 1e-8})")["optim_args"],
            "\"eps=1e-08\"");
  EXPECT_EQ(optimizer(R"("type": "RMSprop", "params": {"alpha": 0.9})")["optim_args"],
            "\"alpha=0.9\"");
}

TEST(DeepspeedOptimizer, AnotherNameOfTheSameIsNoContradiction) {
  const TrainSection same = optimizer(R"("type": "AdamW")", "optim = \"adamw_torch_fused\"\n");
  EXPECT_THAT(same.faults, ElementsAre());
  EXPECT_EQ(same["optim"], "\"adamw_torch_fused\"");
  EXPECT_THAT(
      optimizer(R"("type": "AdamW")", "optim = \"sgd\"\n").faults,
      ElementsAre(HasSubstr("deepspeed.optimizer.type = \"AdamW\" is optim = \"adamw_torch\" "
                            "here, but train.optim = \"sgd\" stands in run.toml:8")));
}

TEST(DeepspeedOptimizer, WhatIsNotThereIsRefused) {
  for (const auto& [inner, reason] : std::vector<std::pair<const char*, const char*>>{
           {R"("type": "Lamb")", "AdamW, Adam, Lion, SGD, Adagrad and RMSprop are there"},
           {R"("type": "AdamW", "params": {"adam_w_mode": false})", "decoupled"},
           {R"("type": "AdamW", "params": {"amsgrad": true})", "remove it"},
           {R"("type": "AdamW", "params": {"max_grad_norm": 1.0})",
            "write gradient_clipping instead"},
           {R"("type": "AdamW", "params": {"betas": 0.9})", "is not a list of two numbers"},
           {R"("type": "AdamW", "params": {"momentum": 0.9})", "is not known"},
           {R"("type": "AdamW", "params": 1)", "is not a table"},
           {R"("type": "AdamW", "parms": {})", "did you mean \"params\"?"},
           {R"("params": {})", "has no type"}}) {
    const TrainSection section = optimizer(inner);
    ASSERT_EQ(section.faults.size(), 1u) << inner;
    EXPECT_THAT(section.faults[0], HasSubstr(reason));
  }
}

TEST(DeepspeedSchedule, ParametersBecomeKeysAndOptions) {
  const TrainSection section = scheduler(
      R"("type": "WarmupDecayLR", "params": {"warmup_min_lr": 1e-6, "warmup_max_lr": 3e-5,
         "warmup_num_steps": 500, "warmup_type": "linear", "total_num_steps": 2000,
         "last_batch_iteration": -1})");
  EXPECT_THAT(section.faults, ElementsAre());
  EXPECT_EQ(section["lr_scheduler_type"], "\"WarmupDecayLR\"");
  EXPECT_EQ(section["learning_rate"], "3e-05");
  EXPECT_EQ(section["warmup_steps"], "500.0");
  EXPECT_EQ(section["lr_scheduler_kwargs"],
            "{warmup_min_lr = 1e-06, warmup_type = \"linear\", total_num_steps = 2000}");
}

TEST(DeepspeedSchedule, ItsLengthIsTheRunsWhereBothAreSaid) {
  const char* kDecay = R"("type": "WarmupDecayLR", "params": {"total_num_steps": 200})";
  const TrainSection equal = scheduler(kDecay, "max_steps = 200\n");
  EXPECT_THAT(equal.faults, ElementsAre());
  EXPECT_EQ(equal["lr_scheduler_kwargs"], "{}");
  EXPECT_THAT(scheduler(kDecay, "max_steps = 100\n").faults,
              ElementsAre(HasSubstr("but train.max_steps = 100 stands in run.toml:8")));
}

TEST(DeepspeedSchedule, WhatIsNotThereIsRefused) {
  for (const auto& [inner, reason] : std::vector<std::pair<const char*, const char*>>{
           {R"("type": "CosineLR")", "WarmupCosineLR, OneCycle and LRRangeTest are there"},
           {R"("type": "OneCycle", "params": {"cycle_momentum": true})",
            "write cycle_momentum = false"},
           {R"("type": "OneCycle", "params": {"cycle_min_lr": 1e-5})",
            "cycles betas unless it says otherwise"},
           {R"("type": "OneCycle", "params": {"cycle_momentum": 0})", "is not true or false"},
           {R"("type": "LRRangeTest", "params": {"cycle_min_lr": 1e-5})", "is not known"},
           {R"("type": "WarmupLR", "params": {"total_num_steps": 9})", "is not known"},
           {R"("type": "WarmupCosineLR", "params": {"cos_min_ration": 0.1})",
            "did you mean \"cos_min_ratio\"?"},
           {R"("type": "WarmupLR", "params": {"last_batch_iteration": 7})", "remove it"}})
    EXPECT_THAT(scheduler(inner).faults, ElementsAre(HasSubstr(reason))) << inner;
  EXPECT_THAT(scheduler(R"("type": "WarmupLR")", "lr_scheduler_type = \"cosine\"\n").faults,
              ElementsAre(HasSubstr("but train.lr_scheduler_type = \"cosine\" stands in")));
}

TEST(DeepspeedSchedule, ACycleAndARangeAreOptions) {
  const TrainSection cycle = scheduler(
      R"("type": "OneCycle", "params": {"cycle_min_lr": 1e-5, "cycle_max_lr": 1e-3,
         "cycle_first_step_size": 20, "cycle_second_step_size": null, "decay_lr_rate": 0.5,
         "decay_step_size": 3, "cycle_momentum": false, "cycle_min_mom": 0.8,
         "cycle_first_stair_count": 4})");
  EXPECT_THAT(cycle.faults, ElementsAre());
  EXPECT_EQ(cycle["lr_scheduler_type"], "\"OneCycle\"");
  EXPECT_EQ(cycle["learning_rate"], "0.001");
  EXPECT_EQ(cycle["lr_scheduler_kwargs"],
            "{cycle_min_lr = 1e-05, cycle_first_step_size = 20, decay_lr_rate = 0.5, "
            "decay_step_size = 3}");
  const TrainSection range = scheduler(
      R"("type": "LRRangeTest", "params": {"lr_range_test_min_lr": 1e-4,
         "lr_range_test_step_size": 10, "lr_range_test_step_rate": 5,
         "lr_range_test_staircase": true})");
  EXPECT_THAT(range.faults, ElementsAre());
  EXPECT_EQ(range["learning_rate"], "0.0001");
  EXPECT_EQ(range["lr_scheduler_kwargs"],
            "{lr_range_test_step_size = 10, lr_range_test_step_rate = 5, "
            "lr_range_test_staircase = true}");
}

// As in DeepSpeed, wherever the optimizer stands.
TEST(DeepspeedSchedule, AnOptimizerWithoutBetasHasNoMomentumToCycle) {
  EXPECT_THAT(with_deepspeed(R"({"scheduler": {"type": "OneCycle", "params": {"cycle_min_lr": 0.1}},
                                 "optimizer": {"type": "SGD"}})")
                  .faults,
              ElementsAre());
  EXPECT_THAT(scheduler(R"("type": "OneCycle", "params": {"cycle_momentum": true})",
                        "optim = \"adafactor\"\n")
                  .faults,
              ElementsAre());
}

TEST(DeepspeedSchedule, TheRatesOfOptimizerAndScheduleAreOne) {
  const TrainSection section = with_deepspeed(
      R"({"optimizer": {"type": "AdamW", "params": {"lr": 1e-4}},
          "scheduler": {"type": "WarmupLR", "params": {"warmup_max_lr": 2e-4}}})");
  EXPECT_THAT(section.faults, ElementsAre(HasSubstr(
                                  "deepspeed.scheduler.params.warmup_max_lr = 0.0002 is "
                                  "learning_rate = 0.0002 here, but deepspeed.optimizer.params.lr "
                                  "= 0.0001 stands in run.toml:7, which is learning_rate")));
}

}  // namespace
}  // namespace slipway
