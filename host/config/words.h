// Words of another trainer's configuration, and what becomes of each.
#pragma once
#include <span>
#include <string>

#include "config/train_keys.h"

namespace slipway {

struct Word {
  const char* name;  // "zero_optimization.stage"; "tensorboard.*" is what else stands there
  const char* key = nullptr;                        // of [train], to which its value goes as it is
  void (*read)(const Said&, TrainKeys&) = nullptr;  // what it means, where that is more
  // Without these two: values that ask for what happens anyway, as TOML source with "|" between,
  // and why no others can be had, ending in what to do. No values = it has no effect, whatever it
  // is.
  const char* harmless = nullptr;
  const char* reason = nullptr;
};

// Reads a table by its words. "auto" leaves a word to [train]. `name` is what the table is called:
// "deepspeed". What is no word is a fault with the nearest.
void read_words(std::span<const Word> words, const std::string& name, const Value& table,
                TrainKeys& keys);

// "auto": [train] says it.
bool is_auto(const Value& value);

// Whether the value is one of `harmless`.
bool is_harmless(const Value& value, const char* harmless);

}  // namespace slipway
