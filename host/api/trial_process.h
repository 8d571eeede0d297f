// A trial of a search as a process of its own: one that runs out of memory or crashes fails alone.
#pragma once
#include <string>
#include <vector>

namespace slipway {

// Runs Slipway's program with `arguments` and, where a line of them is kHanded, the name of a file
// that only this process and the child can read, with `handed` in it: what other users of the
// machine must not see in the list of processes. Requests to stop are passed on. Returns the exit
// code, or minus the signal that ended it. Throws Error when it cannot be started.
inline constexpr const char* kHanded = "\x01handed";
int run_program(std::vector<std::string> arguments, const std::string& handed);

}  // namespace slipway
