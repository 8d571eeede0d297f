// Memory of a device that comes and goes while addresses stay.
#include "operators/accelerator/device_pages.h"

#include <gmock/gmock.h>

#include "operators/flat_buffers.h"
#include "operators/linear.h"
#include "operators/paged_values.h"
#include "tests/unit/kernels/cuda/device_under_test.h"

namespace slipway::cuda {
namespace {

using PagesReleased = PageBuffer::Released;

class CudaPages : public DeviceTest {
 protected:
  // Three pieces, of one, two and one page.
  static std::vector<int64_t> begins() {
    const int64_t page = DevicePages::page_floats();
    return {0, page, 3 * page};
  }
  static int64_t count() { return 4 * DevicePages::page_floats(); }
  const OnDevice device_;
};

TEST_F(CudaPages, WhatIsReleasedHasNoMemoryAndReadsAsZeros) {
  const int64_t page = DevicePages::page_floats();
  ASSERT_GT(page, 0) << "this GPU maps no memory";
  const PagedValues values(count(), begins(), PagesReleased::kZeros, "values");
  const at::Tensor x = values.values();
  ASSERT_TRUE(on_device(x));
  EXPECT_EQ(bytes_in_memory(x), 0);
  x.narrow(0, page, 2).copy_(at::full({2}, 3.0f));
  EXPECT_EQ(bytes_in_memory(x), 2 * page * 4) << "the piece that was written";
  EXPECT_EQ(bytes_in_memory(x.narrow(0, page / 2, page)), page / 2 * 4);
  EXPECT_EQ(x.narrow(0, page, 3).cpu().sum().item<float>(), 6.0f) << "zeros beside";
  const void* const address = x.const_data_ptr();
  values.release(page, 2 * page);
  values.release(page, 2 * page);  // nothing is there any more
  EXPECT_EQ(bytes_in_memory(x), 0);
  EXPECT_EQ(add_squares(0, x), 0.0) << "all of it is there again, zeros";
  EXPECT_EQ(bytes_in_memory(x), 4 * page * 4);
  EXPECT_EQ(x.const_data_ptr(), address);
}

TEST_F(CudaPages, AHeldPieceKeepsItsValuesAndAViewTheAddresses) {
  at::Tensor view;
  {
    const PagedValues values(count(), begins(), PagesReleased::kGuarded, "values");
    view = values.values().narrow(0, 0, 4);
    values.hold(0, DevicePages::page_floats());
    view.copy_(at::arange(4, at::kFloat));
    values.hold(0, DevicePages::page_floats());
  }
  EXPECT_TRUE(view.cpu().equal(at::arange(4, at::kFloat)));
}

TEST_F(CudaPages, WhoTouchesWhatIsGuardedIsToldWhatItIs) {
  const int64_t page = DevicePages::page_floats();
  const PagedValues values(count(), begins(), PagesReleased::kGuarded, "values");
  const auto* first = static_cast<const float*>(values.values().const_data_ptr());
  explain_guarded(first, page, "the first piece is not there", 7);
  const at::Tensor w = values.values().narrow(0, 0, 6).view({2, 3}),
                   x = at::ones({1, 3}).to(compute_device());
  const auto told = testing::ThrowsMessage<Error>("the first piece is not there");
  EXPECT_THAT([&] { (void)w.cpu(); }, told);
  EXPECT_THAT([&] { w.view({-1}).zero_(); }, told);
  EXPECT_THAT([&] { (void)slipway::linear(x, w); }, told);
  values.hold(0, page);
  w.view({-1}).zero_();
  EXPECT_EQ(slipway::linear(x, w).cpu().sum().item<float>(), 0.0f);
  forget_guarded(first, page);
}

// A kernel that nobody asked the host for: on a GPU a fault without a name.
TEST_F(CudaPages, AKernelThatTouchesWhatIsGuardedEndsByTheSameWords) {
  if (on_a_gpu()) GTEST_SKIP() << "skipped: a GPU's fault breaks its context";
  EXPECT_EXIT(
      {
        const PagedValues values(count(), begins(), PagesReleased::kGuarded, "values");
        auto* const first = values.values().data_ptr<float>();
        explain_guarded(first, DevicePages::page_floats(), "the first piece is not there", 7);
        device_kernels().scale(first, 4, 2.0f);
      },
      testing::ExitedWithCode(7), "error: the first piece is not there");
}

// More than the device has, piece after piece.
TEST_F(CudaPages, MemoryIsUsedAgain) {
  Accelerator& device = *accelerator();
  const int64_t page = DevicePages::page_floats(), pieces = 64;
  const auto largest = static_cast<int64_t>(device.total_memory() / sizeof(float) / 32);
  const int64_t piece = on_a_gpu() ? largest / page * page : 4 * page;
  std::vector<int64_t> all;
  for (int64_t i = 0; i < pieces; ++i) all.push_back(i * piece);
  const PagedValues values(pieces * piece, all, PagesReleased::kZeros, "values");
  const size_t before = device.free_memory();
  for (const int64_t begin : all) {
    at::Tensor last = values.values().narrow(0, begin + piece - 1, 1);
    last.copy_(at::full({1}, static_cast<float>(begin / piece)));
    EXPECT_EQ(last.cpu().item<float>(), static_cast<float>(begin / piece));
    values.release(begin, piece);
  }
  std::printf("%ld pieces of %.1f MiB; %.1f MiB were free before, and %.1f after\n", pieces,
              static_cast<double>(piece) / 0x1p18, static_cast<double>(before) / 0x1p20,
              static_cast<double>(device.free_memory()) / 0x1p20);
}

TEST_F(CudaPages, ADeviceThatMapsNothingIsRefusedByName) {
  if (on_a_gpu()) GTEST_SKIP() << "skipped: this one maps";
  emulated_accelerator().page = 0;
  EXPECT_THAT(
      [&] { const PagedValues values(count(), {0}, PagesReleased::kZeros, "gradients"); },
      testing::ThrowsMessage<Error>(
          "emulator maps no memory to addresses that stay, so that gradients cannot be cut among "
          "ranks there: set train.zero_stage = 1"));
  emulated_accelerator().page = size_t{16} << 10;
}

}  // namespace
}  // namespace slipway::cuda
