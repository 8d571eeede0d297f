// The CUDA kernels on the emulator, as DeviceKernels over ordinary memory. Products follow the plans that cuBLASLt is given, with a
// loop in the place of the library.
#pragma once
#include <functional>
#include <memory>
#include <vector>

#include "device/accelerator/device_kernels.h"

namespace slipway::cuda {

enum class ThreadOrder { kAscending, kDescending };

// While one is alive, what emulated kernels are asked for is kept here instead of done, as a stream does under capture.
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

// `open`, where given, is called around each kernel: with true before it runs, with false after.
std::unique_ptr<DeviceKernels> emulated_kernels(ThreadOrder order = ThreadOrder::kAscending, std::function<void(bool)> open = nullptr);
// Launches done so far by emulated kernels of this process.
int64_t emulated_launches();

}  // namespace slipway::cuda
