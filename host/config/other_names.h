// What keys are called elsewhere: in the past of the Hugging Face Trainer, and in LMFlow.
#pragma once
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/schema.h"
#include "config/training_arguments.h"
#include "config/value.h"

namespace slipway {

// A key under a name of its own elsewhere. `note` ends the notice: what else is to be known; "".
struct OtherName {
  const char *section, *name;     // "raft", "num_raft_iteration"
  const char *key_section, *key;  // "raft", "iterations"
  const char* note;
};

std::span<const OtherName> known_other_names();

// Arguments that are no keys of `section`, with the reason: those of the Hugging Face Trainer in
// [train], those of LMFlow where their like is. nullptr when `name` is none of them.
const IdleArgument* idle_argument(std::string_view section, std::string_view name);

// What an entry of a run file means here.
struct Meaning {
  std::string section, name;  // the key; as given where it has no other name
  Value value;                // of the key; the given one unless a switch of the past says it
  std::string notice;         // what it is called here, without its place; "" = it is called so
  std::string fault;          // why it cannot be had; ""
  bool idle = false;          // there is nothing to set: it is refused, or happens anyway
};
Meaning meaning_of(std::string_view section, std::string_view name, const Value& given);

// "train.learning_rate" for what a person may call it: "learning_rate", "learning-rate", "lr", or a
// part of its name that no other key has. "" where that is unclear. For hints alone.
std::string likely_key(std::string_view given);

// "[lora] ...": what is not there yet under a section's name that people expect, and what to do
// instead; "" for any other name.
std::string absent_section(std::string_view section);

}  // namespace slipway
