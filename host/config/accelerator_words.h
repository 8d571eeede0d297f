// How the Trainer tells accelerate and torch.distributed to share a run: accelerator_config and
// ddp_backend.
#pragma once
#include <span>

#include "config/train_keys.h"
#include "config/words.h"

namespace slipway {

// The words of accelerator_config.
std::span<const Word> accelerator_words();

void read_accelerator(const Value& configuration, TrainKeys& keys);

// What ranks exchange by follows from where they compute: train.ddp_backend may say that, and
// nothing else.
void read_backend(const Said& said, TrainKeys& keys);

}  // namespace slipway
