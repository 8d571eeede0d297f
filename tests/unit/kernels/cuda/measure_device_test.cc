// Measuring an accelerator: the rates are its own, and it is left as it was.
#include "kernels/measure_device.h"

#include <gtest/gtest.h>

#include <stdexcept>

#include "tests/unit/kernels/cuda/device_under_test.h"

namespace slipway::cuda {
namespace {

class MeasureDevice : public DeviceTest {};

// With as much memory a piece as it is told, all of it counted.
class CountingAccelerator : public EmulatedAccelerator {
 public:
  void* allocate(size_t bytes) override {
    if (bytes > largest) throw std::bad_alloc();
    ++held;
    return EmulatedAccelerator::allocate(bytes);
  }
  void release(void* memory) override {
    --held;
    EmulatedAccelerator::release(memory);
  }
  size_t largest = size_t{1} << 20;
  int held = 0;
};

TEST_F(MeasureDevice, NamesItAndMeasuresEveryRate) {
  Accelerator& device = *device_under_test();
  const Json told = describe_device(device, 0.01);
  std::printf("%s\n", told.dump().c_str());
  EXPECT_EQ(told["name"], device.name());
  EXPECT_EQ(told["capability"], device.capability());
  EXPECT_GT(told["memory"]["total_gib"].get<double>(), 0);
  EXPECT_LE(told["memory"]["free_gib"].get<double>(), told["memory"]["total_gib"].get<double>());
  for (const char* key : {"float32", "bf16"}) {
    EXPECT_GT(told["product_tflops"][key].get<double>(), 1e-6) << key;
    EXPECT_LT(told["product_tflops"][key].get<double>(), 1e5) << key;
  }
  for (const char* key : {"within", "in", "out"}) {
    EXPECT_GT(told["copy_gb_per_s"][key].get<double>(), 1e-3) << key;
    EXPECT_LT(told["copy_gb_per_s"][key].get<double>(), 1e5) << key;
  }
}

// 1.001 rounds to 1 in bfloat16.
float product_of_one(Accelerator& device) {
  auto* x = static_cast<float*>(device.allocate(64 * sizeof(float)));
  const float in[2] = {1.001f, 1};
  float out = 0;
  device.copy_in(x, in, sizeof in);
  const Weight weight{x + 1, 1};
  device.kernels().forward_product(x, 1, 1, 1, {&weight, 1}, nullptr, x + 2, 1);
  device.copy_out(&out, x + 2, sizeof out);
  device.release(x);
  return out;
}

TEST_F(MeasureDevice, ProductsAreFloat32AgainAndAllMemoryIsBack) {
  CountingAccelerator device;
  EXPECT_GT(device_product_rate(device, true, 0.001), 0);
  EXPECT_EQ(product_of_one(device), 1.001f);
  device_copy_rates(device, size_t{1} << 20, 0.001);
  EXPECT_EQ(device.held, 0);
}

TEST_F(MeasureDevice, ARateInARunWithBf16IsOneOfItsProducts) {
  CountingAccelerator device;
  device.kernels().round_products(Rounding::kBfloat16);
  EXPECT_GT(device_product_rate(device, false, 0.001), 0);
  EXPECT_EQ(product_of_one(device), 1.0f);
}

TEST_F(MeasureDevice, WhatFitsIsMeasuredAndNothingIsAnError) {
  CountingAccelerator device;
  device.largest = 256 * 256 * sizeof(float);
  EXPECT_GT(device_product_rate(device, false, 1), 0);  // the time would do for larger ones
  EXPECT_EQ(device.held, 0);
  device.largest = 1024;
  EXPECT_THROW(device_product_rate(device, false, 0.001), std::bad_alloc);
  EXPECT_EQ(device.held, 0);
}

}  // namespace
}  // namespace slipway::cuda
