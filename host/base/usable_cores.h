// How many threads of this machine a process may keep busy.
#pragma once
#include <cstdint>

namespace slipway {

// Cores that this process may use: its affinity, and the limit of its control group; at least 1.
int64_t usable_cores();

}  // namespace slipway
