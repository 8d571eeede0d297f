// What the emulated accelerator's lanes are to libraries that work on one: where a real one's
// handle is CUDA's stream.
#pragma once

namespace slipway::cuda {

struct LaneHandle {
  // Does work(argument), which may touch the accelerator's memory, after what was submitted before;
  // on a thread of the lane's.
  void (*submit)(LaneHandle* lane, void (*work)(void*), void* argument);
};

}  // namespace slipway::cuda
