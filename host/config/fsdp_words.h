// What the Trainer's words for FSDP mean here, and those of fairscale before it:
// docs/sharding_words.md has the table.
#pragma once
#include <span>
#include <string>
#include <vector>

#include "config/train_keys.h"
#include "config/words.h"

namespace slipway {

// The words of fsdp_config, without "fsdp_" before them.
std::span<const Word> fsdp_words();

// train.fsdp, not empty, and fsdp_config, a table, into keys of [train]. Returns the words of
// train.fsdp as one text: "true", "full_shard auto_wrap".
std::string read_fsdp(const Said& fsdp, const Value& configuration, TrainKeys& keys);

// train.sharded_ddp, not empty, of transformers before 4.34.
void read_sharded_ddp(const Said& said, TrainKeys& keys);

}  // namespace slipway
