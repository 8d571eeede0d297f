// What the kernels' launches depend on, of the card that they run on.
#pragma once
#include <cstdint>

namespace slipway::cuda {

struct Card {
  int64_t shared_bytes;     // of shared memory that one block of threads can have
  int64_t multiprocessors;  // blocks that surely run at the same time
  // Values of an operand that are rounded to bfloat16 at once, where it can be cut: 128 MiB.
  int64_t room_values = int64_t{64} << 20;
};

}  // namespace slipway::cuda
