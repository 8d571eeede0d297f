// The wire between devices in a group of one: on a GPU by NCCL, else by a stand-in for it.
#include <gtest/gtest.h>

#include "base/program_folder.h"
#include "dist/nccl_module.h"
#include "dist/settled.h"
#include "tests/unit/kernels/cuda/device_under_test.h"
#include "tests/unit/scratch.h"

namespace slipway::cuda {
namespace {

constexpr double kPatience = 60;
constexpr size_t kExchanged = 1 << 20;

bool always() { return true; }

class CudaRank : public testing::Test {
 protected:
  void SetUp() override {
    device_ = device_under_test();
    if (device_ == nullptr) GTEST_SKIP() << "skipped: no CUDA device";
    const fs::path module = built("libslipway_nccl.so");
    if (!fs::exists(module)) GTEST_SKIP() << "skipped: the NCCL module was not built";
    ::setenv("SLIPWAY_STAND_IN_FOLDER", scratch().c_str(), 1);
    ::setenv("NCCL_SOCKET_IFNAME", "=lo", 0);
    wires_ = &open_device_wires(
        module, on_a_gpu() ? nccl_library(process_variable, loaded_library("libtorch_cpu"))
                           : built("tests/nccl/libstand_in_nccl.so").string());
    std::printf("NCCL %s, %s\n", wires_->version().c_str(), wires_->library().c_str());
    lane_ = device_->make_lane();
    wire_ = wires_->connect(wires_->new_meeting(), 0, 1);
    ASSERT_TRUE(settled(*wire_, kPatience, always)) << wire_->problem();
    x_ = static_cast<float*>(device_->allocate(kExchanged * sizeof(float)));
    y_ = static_cast<float*>(device_->allocate(kExchanged * sizeof(float)));
  }
  void TearDown() override {
    wire_.reset();
    lane_.reset();
    if (x_ != nullptr) device_->release(x_), device_->release(y_);
  }
  // What `call` makes of y, of an x that was asked for just before; kernels are held back until
  // then.
  template <class Call>
  float last_of_y_after(const Call& call, float value) {
    const std::vector<float> here(kExchanged, value);
    device_->zero(y_, kExchanged * sizeof(float));
    device_->copy_in(x_, here.data(), kExchanged * sizeof(float));
    return last_of_y(call);
  }
  template <class Call>
  float last_of_y(const Call& call) {
    lane_->follow_kernels();
    call(lane_->handle());
    EXPECT_TRUE(settled(*wire_, kPatience, always)) << wire_->problem();
    lane_->mark()->hold_back_kernels();
    float out = 0;
    device_->copy_out(&out, y_ + kExchanged - 1, sizeof out);
    return out;
  }

  Accelerator* device_ = nullptr;
  DeviceWires* wires_ = nullptr;
  std::unique_ptr<WorkLane> lane_;
  std::unique_ptr<DeviceWire> wire_;
  float *x_ = nullptr, *y_ = nullptr;
};

TEST_F(CudaRank, ExchangesWithItselfBetweenWhatWasAskedForBeforeAndAfter) {
  constexpr auto kFloats = WireType::kFloat32;
  EXPECT_EQ(last_of_y_after(
                [&](void* lane) { wire_->reduce_scatter(x_, y_, kExchanged, kFloats, lane); }, 2),
            2);
  EXPECT_EQ(
      last_of_y_after([&](void* lane) { wire_->all_gather(x_, y_, kExchanged, kFloats, lane); }, 3),
      3);
  const auto of_y = [&](const auto& call) {
    device_->copy_in(y_ + kExchanged - 1, std::vector<float>{5}.data(), sizeof(float));
    return last_of_y(call);
  };
  for (const Reduction reduction : {Reduction::kSum, Reduction::kMin, Reduction::kMax})
    EXPECT_EQ(
        of_y([&](void* lane) { wire_->all_reduce(y_, kExchanged, kFloats, reduction, lane); }), 5);
  EXPECT_EQ(of_y([&](void* lane) { wire_->broadcast(y_, kExchanged, kFloats, 0, lane); }), 5);
  for (const WireType type : {WireType::kBfloat16, WireType::kFloat64, WireType::kInt64})
    EXPECT_EQ(of_y([&](void* lane) {
                wire_->all_reduce(y_, kExchanged / 2, type, Reduction::kSum, lane);
              }),
              5);
  wire_->finish();
  EXPECT_TRUE(settled(*wire_, kPatience, always)) << wire_->problem();
}

TEST_F(CudaRank, ABrokenOffWireRefusesAndLeavesTheDeviceToOthers) {
  wire_->abort();
  EXPECT_EQ(wire_->state(), DeviceWire::State::kFailed);
  EXPECT_EQ(wire_->problem(), "it was broken off");
  EXPECT_THROW(wire_->broadcast(y_, kExchanged, WireType::kFloat32, 0, lane_->handle()),
               std::runtime_error);
  EXPECT_TRUE(lane_->mark()->is_reached() || on_a_gpu());
  float out = 1;
  device_->zero(y_, sizeof out);
  device_->copy_out(&out, y_, sizeof out);
  EXPECT_EQ(out, 0);
}

}  // namespace
}  // namespace slipway::cuda
