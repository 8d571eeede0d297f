// The commands by name, for main() and for completion.
#pragma once
#include <span>

#include "app/commands.h"

namespace slipway {

struct Command {
  const char* name;
  int (*run)(const Arguments&);
  const char* summary;
  const char* verbs = "";  // "list|info": what stands first after its name, where something must
};
std::span<const Command> commands();  // in the order of --help

}  // namespace slipway
