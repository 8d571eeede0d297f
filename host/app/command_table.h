// The commands by name, for main() and for completion.
#pragma once
#include <span>

#include "app/commands.h"

namespace slipway {

// What the processes that a launcher started together make of a command.
enum class Together {
  kApart,    // each does it: nothing is written
  kShared,   // they know of each other
  kRefused,  // each would do all of it, and write the same files
};

struct Command {
  const char* name;
  int (*run)(const Arguments&);
  const char* summary;
  Together together = Together::kApart;
  const char* verbs = "";  // "list|info": what stands first after its name, where something must
};
std::span<const Command> commands();  // in the order of --help

}  // namespace slipway
