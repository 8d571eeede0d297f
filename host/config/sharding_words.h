// The words by which users of Hugging Face's Trainer ask for sharding: train.deepspeed, train.fsdp
// with fsdp_config, train.sharded_ddp, accelerator_config, ddp_backend.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "config/value.h"

namespace slipway {

// Turns the words in [train] of a run file into keys of [train], each with the place of its word.
// deepspeed, fsdp_config and accelerator_config, paths of JSON files (relative as all paths, by
// config/input_path.h), JSON or tables, become tables; fsdp becomes text; the others go. What
// cannot be had, contradicts a key or another word, or is unknown is appended to `faults`, all of
// it. `notices` may be nullptr.
void read_sharding_words(Value& root, std::vector<std::string>* notices,
                         std::vector<std::string>& faults);

// What a word that is no key of [train] becomes, for people; "" for what is no such word.
std::string_view sharding_word_help(std::string_view name);

}  // namespace slipway
