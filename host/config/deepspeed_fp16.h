// The block "fp16" of a DeepSpeed configuration.
#pragma once
#include "config/train_keys.h"

namespace slipway {

// Reads it into train.fp16 and train.grad_scaler_kwargs; what it leaves out of its scaler is
// DeepSpeed's default there. Where it is off, the rest of it has no effect.
void read_deepspeed_fp16(const Said& block, TrainKeys& keys);

}  // namespace slipway
