// Most of them ask for what happens anyway.
#include "config/accelerator_words.h"

#include <algorithm>

#include "base/error.h"
#include "base/nearest.h"

namespace slipway {
namespace {

using enum Value::Kind;

// accelerate lets it stand in for gradient_accumulation_steps.
void read_accumulation(const Said& said, TrainKeys& keys) {
  keys.mean(said, "gradient_accumulation_steps", said.value);
}

constexpr Word kAcceleratorWords[] = {
    {"split_batches", nullptr, nullptr, "false",
     "per_device_train_batch_size is of one rank, and is not divided; remove it, and write the "
     "share of one rank there"},
    {"dispatch_batches", nullptr, nullptr, "false",
     "every rank reads the data and takes its batches, to the same ones; remove it"},
    {"even_batches", nullptr, nullptr, "true",
     "an epoch's last round is filled from its begin, or left out by dataloader_drop_last; remove "
     "it"},
    {"use_seedable_sampler", nullptr, nullptr, "true",
     "an epoch's order always follows from data_seed and its number; remove it"},
    {"non_blocking"},
    {"use_configured_state", nullptr, nullptr, "false",
     "the launcher's environment says what the ranks are; remove it"},
    {"gradient_accumulation_kwargs.num_steps", nullptr, read_accumulation},
    {"gradient_accumulation_kwargs.sync_each_batch", nullptr, nullptr, "false",
     "gradients are exchanged once a step, to the same sum; remove it"},
    {"gradient_accumulation_kwargs.adjust_scheduler"},
    {"gradient_accumulation_kwargs.sync_with_dataloader", nullptr, nullptr, "true",
     "an epoch's last group makes a step, however short it is; remove it"},
};

const std::vector<std::string> kBackends = {"gloo", "nccl", "mpi",  "ccl",
                                            "xccl", "hccl", "cncl", "mccl"};

}  // namespace

std::span<const Word> accelerator_words() { return kAcceleratorWords; }

void read_accelerator(const Value& configuration, TrainKeys& keys) {
  read_words(kAcceleratorWords, "accelerator_config", configuration, keys);
}

void read_backend(const Said& said, TrainKeys& keys) {
  const std::string& name = said.value.s;
  if (said.value.kind != kString || std::ranges::find(kBackends, name) == kBackends.end())
    return keys.fault(said, "is not known" + did_you_mean(name, kBackends));
  const bool on_gpu = !keys.on_processor();
  if (name == (on_gpu ? "nccl" : "gloo")) return keys.has_no_effect(said);
  if (name == "gloo" || name == "nccl")
    return keys.fault(said, on_gpu ? "cannot be had: ranks on GPUs exchange by NCCL; remove it"
                                   : "cannot be had: ranks on processors exchange by Gloo; remove "
                                     "it, or compute on GPUs by train.device = \"cuda\"");
  keys.fault(said,
             "cannot be had: ranks exchange by Gloo on processors, by NCCL on GPUs; remove it. "
             "Under mpirun too, which only starts them");
}

}  // namespace slipway
