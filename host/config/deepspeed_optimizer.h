// "optimizer" and "scheduler" of a DeepSpeed configuration.
#pragma once
#include "config/train_keys.h"

namespace slipway {

// Each takes the table { type, params } into keys of [train]: optim, optim_args, learning_rate,
// ...; lr_scheduler_type, lr_scheduler_kwargs, warmup_steps, learning_rate. What DeepSpeed has and
// the host has not is a fault.
void read_deepspeed_optimizer(const Said& said, TrainKeys& keys);
void read_deepspeed_schedule(const Said& said, TrainKeys& keys);

}  // namespace slipway
