// The blocks of a run file that name plugins, and [search]: what may stand in them.
#pragma once
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace slipway {

struct BlockKey {
  const char *block, *name;  // "reward", "weight"
  const char* value;         // "a number, default 1.0"
  const char* help;
};
std::span<const BlockKey> block_schema();

// As it is written: "[[reward]]", of which there may be several, or "[loss]".
std::string written_block(std::string_view block);

// The names of a block's keys; none where there is no such block.
std::vector<std::string> block_keys(std::string_view block);

}  // namespace slipway
