// Whether another process of this machine is still there.
#pragma once
#include <cstdint>
#include <string>

namespace slipway {

// The same text in all processes that see each other by their numbers: this start of the machine,
// and the space of process numbers that a container may have for itself. Empty where it cannot be
// told.
std::string process_space();

// Whether process `pid` of the own space is not there, or has ended and waits to be asked for its
// code.
bool is_process_gone(int64_t pid);

}  // namespace slipway
