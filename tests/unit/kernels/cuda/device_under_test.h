// Where the tests of whole models compute: the emulator, or with SLIPWAY_TEST_DEVICE=module the
// GPU, where there is one.
#pragma once
#include <gtest/gtest.h>

#include <cstdlib>

#include "base/error.h"
#include "operators/accelerator/accelerator_module.h"
#include "operators/accelerator/device_tensors.h"
#include "tests/unit/built.h"
#include "tests/unit/kernels/cuda/emulated_accelerator.h"

namespace slipway::cuda {

inline bool on_a_gpu() { return std::getenv("SLIPWAY_TEST_DEVICE") != nullptr; }

// nullptr: a GPU is asked for, and there is none.
inline Accelerator* device_under_test() {
  static Accelerator* const kFound = [&]() -> Accelerator* {
    if (!on_a_gpu()) return &emulated_accelerator();
    try {
      return &open_accelerator(built("libslipway_cuda.so"));
    } catch (const Error&) {
      return nullptr;
    }
  }();
  return kFound;
}

// Where models are made and compute, for the life of a scope.
class OnDevice {
 public:
  OnDevice() { use_accelerator(device_under_test()); }
  ~OnDevice() { use_accelerator(nullptr); }
  OnDevice(const OnDevice&) = delete;
  OnDevice& operator=(const OnDevice&) = delete;
};

// Suites of models in a process that has registered the device: LibTorch's engine asks for devices
// once, before its first backward pass.
class DeviceTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { const OnDevice once; }
  void SetUp() override {
    if (device_under_test() == nullptr) GTEST_SKIP() << "skipped: no CUDA device";
  }
};

}  // namespace slipway::cuda
