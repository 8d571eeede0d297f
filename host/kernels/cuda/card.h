// What the kernels' launches depend on, of the card that they run on.
#pragma once
#include <cstdint>

namespace slipway::cuda {

struct Card {
  int64_t shared_bytes;     // of shared memory that one block of threads can have
  int64_t multiprocessors;  // blocks that surely run at the same time
};

}  // namespace slipway::cuda
