// The blocks of a run file that name plugins, and [search]: what may stand in them.
#pragma once
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/value.h"

namespace slipway {

struct BlockKey {
  const char *block, *name;  // "reward", "weight"
  Value::Kind kind;
  const char* fallback;  // what it is unless given, for people: "1.0", "by the metric's name";
                         // nullptr = required
  const char* help;
  const char* choices = nullptr;  // "a|b"
};
std::span<const BlockKey> block_schema();

// Whether there may be several of it.
bool is_repeated(std::string_view block);

// As it is written: "[[reward]]", of which there may be several, or "[loss]".
std::string written_block(std::string_view block);

// The names of a block's keys; none where there is no such block.
std::vector<std::string> block_keys(std::string_view block);

}  // namespace slipway
