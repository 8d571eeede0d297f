// How much more memory this process can get.
#pragma once
#include <cstdint>

#include "base/files.h"

namespace slipway {

// Bytes of memory that the machine, the container's limit and RLIMIT_AS leave us; 0 = unknown.
uint64_t available_memory();
// What the limit of a control group (v2) leaves: pages that only mirror files are no hindrance. The
// most there is where it sets none.
uint64_t left_in_group(const fs::path& group);

}  // namespace slipway
