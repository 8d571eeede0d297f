// What a run file may hold, explained.
#pragma once
#include <string>
#include <string_view>

namespace slipway {

// Every section, block and key, in lines of at most `columns`.
std::string schema_help(size_t columns);

// The same for one of them: a section or block ("train", "reward"), a key ("train.optim", or
// "optim" where it is the only one of that name; also its older names), a key of a block
// ("reward.weight"). Throws Error with the nearest name.
std::string schema_help_on(std::string_view name, size_t columns);

}  // namespace slipway
