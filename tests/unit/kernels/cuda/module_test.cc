// The CUDA module itself: it loads and, without a GPU, says so; with one, its kernels and products
// equal the emulator's.
#include <gtest/gtest.h>

#include "base/error.h"
#include "operators/accelerator/accelerator_module.h"
#include "tests/unit/built.h"
#include "tests/unit/kernels/cuda/compare.h"

namespace slipway::cuda {
namespace {

// The module's accelerator, or nullptr and why.
Accelerator* gpu(std::string& fault) {
  static Accelerator* found = nullptr;
  static std::string why;
  static const bool kOnce = [] {
    try {
      found = &open_accelerator(built("libslipway_cuda.so"));
    } catch (const Error& e) {
      why = e.what();
    }
    return true;
  }();
  (void)kOnce;
  fault = why;
  return found;
}

// What `work(kernels, in, out)` writes to `out`, on memory of the device.
template <class Work>
std::vector<float> on_gpu(Accelerator& device, const std::vector<float>& in, size_t out,
                          const Work& work) {
  auto* from = static_cast<float*>(device.allocate(in.size() * sizeof(float)));
  auto* to = static_cast<float*>(device.allocate(out * sizeof(float)));
  std::vector<float> result(out);
  device.copy_in(from, in.data(), in.size() * sizeof(float));
  work(device.kernels(), from, to);
  device.copy_out(result.data(), to, out * sizeof(float));
  device.release(from), device.release(to);
  return result;
}

TEST(CudaModule, AMissingModuleIsAnErrorWithItsFix) {
  try {
    open_accelerator("nowhere/libslipway_cuda.so");
    FAIL();
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("no CUDA module (nowhere/libslipway_cuda.so)"),
              std::string::npos)
        << e.what();
    EXPECT_NE(std::string(e.what()).find("device = \"cpu\""), std::string::npos) << e.what();
  }
}

TEST(CudaModule, LoadsAndFindsAGpuOrSaysWhyNot) {
  if (!fs::exists(built("libslipway_cuda.so")))
    GTEST_SKIP() << "skipped: the module was not built, there is no nvcc";
  std::string fault;
  if (gpu(fault) == nullptr) {
    EXPECT_NE(fault.find("no CUDA device can be used (the driver says: "), std::string::npos)
        << fault;
    GTEST_SKIP() << "skipped: no CUDA device: " << fault;
  }
  EXPECT_FALSE(gpu(fault)->name().empty());
}

// `work(kernels, in, out)`, which writes `count` values, on the GPU and on the emulator.
template <class Work>
void expect_as_emulated(Accelerator& device, const char* what, const std::vector<float>& in,
                        size_t count, float tolerance, const Work& work) {
  std::vector<float> expected(count);
  work(*emulated_kernels(), in.data(), expected.data());
  expect_near(what, on_gpu(device, in, count, work), expected, tolerance);
}

constexpr int64_t kProductRows = 70, kProductInputs = 64, kProductOutputs = 96;

void multiply_rows(DeviceKernels& kernels, const float* in, float* out) {
  const Weight weight{in + kProductRows * kProductInputs, kProductOutputs};
  kernels.forward_product(in, kProductInputs, kProductRows, kProductInputs, {&weight, 1}, nullptr,
                          out, kProductOutputs);
}

TEST(CudaModule, RowsAndProductsEqualTheEmulators) {
  std::string fault;
  Accelerator* device = gpu(fault);
  if (device == nullptr) GTEST_SKIP() << "skipped: no CUDA device";
  const std::vector<float> x = random_values((kProductRows + kProductOutputs) * kProductInputs, 1);
  expect_as_emulated(*device, "product", x, kProductRows * kProductOutputs, 2e-6f, multiply_rows);
  expect_as_emulated(*device, "swiglu", x, kProductRows * kProductInputs / 2, 2e-6f,
                     [](DeviceKernels& kernels, const float* in, float* out) {
                       kernels.gated({in, in + kProductInputs / 2, nullptr, nullptr, kProductRows,
                                      kProductInputs / 2, kProductInputs, Activation::kSilu},
                                     out);
                     });
}

// In bfloat16: rounded to the bit as the emulator rounds; sums in another order.
TEST(CudaModule, RoundedProductsAndValuesEqualTheEmulators) {
  std::string fault;
  Accelerator* device = gpu(fault);
  if (device == nullptr) GTEST_SKIP() << "skipped: no CUDA device";
  const std::vector<float> x = random_values((kProductRows + kProductOutputs) * kProductInputs, 1);
  expect_as_emulated(*device, "rounded product", x, kProductRows * kProductOutputs, 2e-6f,
                     [](DeviceKernels& kernels, const float* in, float* out) {
                       kernels.round_products(Rounding::kBfloat16);
                       multiply_rows(kernels, in, out);
                       kernels.round_products(Rounding::kNone);
                     });
  constexpr int64_t kCount = kProductRows * kProductInputs;
  expect_as_emulated(*device, "rounded values", x, kCount, 0,
                     [](DeviceKernels& kernels, const float* in, float* out) {
                       auto* const rounded = reinterpret_cast<uint16_t*>(out) + kCount;
                       kernels.round_values(in, kCount, rounded);
                       kernels.widen_values(rounded, kCount / 2, out);
                     });
}

TEST(CudaModule, RecordedWorkIsReplayed) {
  std::string fault;
  Accelerator* device = gpu(fault);
  if (device == nullptr) GTEST_SKIP() << "skipped: no CUDA device";
  auto* memory = static_cast<float*>(device->allocate(sizeof(float) * 4));
  const std::vector<float> in = {1, 2, 3, 4};
  std::vector<float> out(4);
  device->begin_recording();
  device->zero(memory, sizeof(float) * 2);
  const auto work = device->end_recording();
  device->copy_in(memory, in.data(), sizeof(float) * 4);
  work->replay();
  device->copy_out(out.data(), memory, sizeof(float) * 4);
  EXPECT_EQ(out, (std::vector<float>{0, 0, 3, 4}));
  device->release(memory);
}

}  // namespace
}  // namespace slipway::cuda
