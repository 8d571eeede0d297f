// The CUDA kernels on the emulator, as DeviceKernels over ordinary memory. Products follow the
// plans that cuBLASLt is given, with a loop in the place of the library.
#pragma once
#include <functional>
#include <memory>
#include <vector>

#include "kernels/device_kernels.h"
#include "kernels/cuda/card.h"

namespace slipway::cuda {

enum class ThreadOrder { kAscending, kDescending };

// While one is alive, what emulated kernels are asked for is kept here instead of done, as a stream
// does under capture.
class LaunchRecording {
 public:
  LaunchRecording();
  ~LaunchRecording();
  LaunchRecording(const LaunchRecording&) = delete;
  LaunchRecording& operator=(const LaunchRecording&) = delete;
  void add(std::function<void()> work) { launches_.push_back(std::move(work)); }
  std::vector<std::function<void()>> take();

 private:
  std::vector<std::function<void()>> launches_;
};

// Cards to pretend: launches that ask for more shared memory are refused, as CUDA does.
constexpr Card kServerCard{227 << 10, 132};  // an H100's figures
// the shared memory of compute capability 8.6, 8.9 and 12.0
constexpr Card kConsumerCard{99 << 10, 132};

// `open`, where given, is called around each kernel: with true before it runs, with false after.
// `card` may change until a launch needs it, and outlives the kernels.
std::unique_ptr<DeviceKernels> emulated_kernels(ThreadOrder order = ThreadOrder::kAscending,
                                                std::function<void(bool)> open = nullptr,
                                                const Card& card = kServerCard);
// What emulated kernels of this process have done so far: launches, and the blocks of threads of
// the largest.
struct LaunchCount {
  int64_t launches = 0, most_blocks = 0;
  int64_t most_additions = 0;  // atomic ones of the last block at the place that had the most
};
LaunchCount& emulated_launches();

}  // namespace slipway::cuda
