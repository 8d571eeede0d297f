// What the Trainer tells accelerate and torch.distributed.
#include "config/accelerator_words.h"

#include <gmock/gmock.h>

#include "tests/unit/config/train_section.h"

namespace slipway {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(AcceleratorWords, TheTrainersDefaultsAreWhatHappens) {
  const TrainSection section(
      "accelerator_config = { split_batches = false, even_batches = true, use_seedable_sampler = "
      "true, non_blocking = false, use_configured_state = false }");
  EXPECT_THAT(section.faults, ElementsAre());
}

TEST(AcceleratorWords, AccumulationIsTheKey) {
  const char* kLine = "accelerator_config = { gradient_accumulation_kwargs = { num_steps = 3 } }\n";
  EXPECT_EQ(TrainSection(kLine)["gradient_accumulation_steps"], "3");
  EXPECT_THAT(TrainSection(std::string(kLine) + "gradient_accumulation_steps = 2").faults,
              ElementsAre(HasSubstr("but train.gradient_accumulation_steps = 2 stands in")));
}

TEST(AcceleratorWords, WhatCannotBeHadIsRefused) {
  for (const auto& [inner, reason] : std::vector<std::pair<const char*, const char*>>{
           {"split_batches = true", "of one rank"},
           {"dispatch_batches = true", "every rank reads the data"},
           {"even_batches = false", "dataloader_drop_last"},
           {"use_seedable_sampler = false", "data_seed"},
           {"use_configured_state = true", "the launcher's environment"},
           {"gradient_accumulation_kwargs = { sync_each_batch = true }", "once a step"},
           {"split_batch = false", "did you mean \"split_batches\"?"}})
    EXPECT_THAT(TrainSection(fmt::format("accelerator_config = {{ {} }}", inner)).faults,
                ElementsAre(HasSubstr(reason)));
}

TEST(DdpBackend, FollowsFromTheDevice) {
  EXPECT_THAT(TrainSection("ddp_backend = \"gloo\"").faults, ElementsAre());
  EXPECT_THAT(TrainSection("ddp_backend = \"nccl\"\ndevice = \"cuda\"").faults, ElementsAre());
  EXPECT_THAT(TrainSection("ddp_backend = \"nccl\"").faults,
              ElementsAre(HasSubstr("ranks on processors exchange by Gloo")));
  EXPECT_THAT(TrainSection("ddp_backend = \"gloo\"\ndevice = \"cuda\"").faults,
              ElementsAre(HasSubstr("ranks on GPUs exchange by NCCL")));
  for (const char* other : {"mpi", "ccl", "hccl", "cncl"})
    EXPECT_THAT(TrainSection(fmt::format("ddp_backend = \"{}\"", other)).faults,
                ElementsAre(HasSubstr("Gloo on processors, by NCCL on GPUs; remove it")));
  EXPECT_THAT(TrainSection("ddp_backend = \"glo\"").faults,
              ElementsAre(HasSubstr("did you mean \"gloo\"?")));
}

}  // namespace
}  // namespace slipway
