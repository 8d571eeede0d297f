// What a DeepSpeed configuration means here: docs/sharding_words.md has the table.
#pragma once
#include <span>

#include "config/train_keys.h"
#include "config/words.h"

namespace slipway {

// All words but those of "optimizer" and "scheduler".
std::span<const Word> deepspeed_words();

// Reads the object of a DeepSpeed JSON file into keys of [train]. What must hold for the number of
// processes (train_batch_size, zero_optimization.mics_shard_size) is not looked at.
void read_deepspeed(const Value& configuration, TrainKeys& keys);

}  // namespace slipway
