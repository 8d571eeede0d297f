// The CUDA module over a pretended runtime: what it hands to CUDA, and what becomes of CUDA's
// faults.
#include <gmock/gmock.h>

#include <algorithm>
#include <new>
#include <numeric>
#include <stdexcept>
#include <thread>
#include <vector>

#include "kernels/accelerator.h"
#include "tests/unit/kernels/cuda_module/pretended_cuda.h"

extern "C" slipway::CountDevices slipway_count_devices_9;
extern "C" slipway::OpenAccelerator slipway_open_accelerator_9;

namespace slipway::cuda {
namespace {

Accelerator& module() {
  static Accelerator* const kOpened = [] {
    char fault[100] = "";
    return slipway_open_accelerator_9(1, fault, sizeof fault);
  }();
  return *kOpened;
}

std::vector<char> fetched(const void* memory, size_t bytes) {
  std::vector<char> out(bytes);
  module().copy_out(out.data(), memory, bytes);
  return out;
}

TEST(CudaModule, AsksTheCardForWhatLaunchesDependOn) {
  EXPECT_EQ(module().name(), "pretended");
  EXPECT_EQ(pretended_cuda().card.shared_bytes, 101376);
  EXPECT_EQ(pretended_cuda().card.multiprocessors, 84);
}

TEST(CudaModule, AProcessUsesOneOfTheGpus) {
  char fault[100] = "";
  EXPECT_EQ(slipway_count_devices_9(fault, sizeof fault), 2);
  EXPECT_EQ(slipway_open_accelerator_9(1, fault, sizeof fault), &module()) << "the same again";
  EXPECT_EQ(slipway_open_accelerator_9(0, fault, sizeof fault), nullptr);
  EXPECT_STREQ(fault, "this process uses another GPU");
  EXPECT_EQ(module().identity(), "GPU-000f1e2d-3c4b-5a69-7887-96a5b4c3d201");
}

// CUDA keeps for each thread which GPU it works on; a thread's first is number 0.
TEST(CudaModule, EveryThreadWorksOnThatGpu) {
  module().release(module().allocate(1));
  EXPECT_EQ(pretended_cuda().allocated_on, 1);
  pretended_cuda().allocated_on = 0;
  std::thread([] { module().release(module().allocate(1)); }).join();
  EXPECT_EQ(pretended_cuda().allocated_on, 1);
}

class Lane : public testing::Test {
 protected:
  Lane() : memory_(static_cast<char*>(module().allocate(2))), lane_(module().make_lane()) {
    memory_[0] = memory_[1] = '?';
    module().zero(memory_, 2);
    module().copy_in(memory_, "k", 1);
  }
  ~Lane() override { module().release(memory_); }
  // What a library does on the lane: the second byte becomes the first one.
  void exchange() const {
    const auto stream = static_cast<cudaStream_t>(lane_->handle());
    cudaMemcpyAsync(memory_ + 1, memory_, 1, cudaMemcpyDeviceToDevice, stream);
  }
  void finish_lane() const { cudaStreamSynchronize(static_cast<cudaStream_t>(lane_->handle())); }

  char* memory_;
  std::unique_ptr<WorkLane> lane_;
};

TEST_F(Lane, BeginsAfterTheKernelsThatItFollows) {
  lane_->follow_kernels();
  exchange();
  module().copy_in(memory_, "l", 1);  // asked for later: not waited for
  finish_lane();
  EXPECT_EQ(memory_[1], 'k');
}

// Whoever tests this sees that the test above can fail.
TEST_F(Lane, DoesNotWaitForKernelsThatItDoesNotFollow) {
  exchange();
  finish_lane();
  EXPECT_EQ(memory_[1], '?');
}

TEST_F(Lane, KernelsGoOnUntilTheyAreHeldBackByAMark) {
  lane_->follow_kernels();
  exchange();
  const std::unique_ptr<WorkLane::Mark> mark = lane_->mark();
  EXPECT_FALSE(mark->is_reached());
  EXPECT_EQ(cudaGetLastError(), cudaSuccess) << "that it is not reached is no fault";
  EXPECT_EQ(fetched(memory_, 2)[1], '\0') << "nobody waited for the exchange";
  mark->hold_back_kernels();
  EXPECT_EQ(memory_[1], '\0') << "the host does not wait";
  EXPECT_EQ(fetched(memory_, 2)[1], 'k');
  EXPECT_TRUE(mark->is_reached());
}

TEST_F(Lane, AMarkOutlivesItAndKnowsNothingOfWhatCameLater) {
  lane_->follow_kernels();
  exchange();
  const std::unique_ptr<WorkLane::Mark> mark = lane_->mark();
  exchange();
  mark->hold_back_kernels();
  const auto stream = static_cast<cudaStream_t>(lane_->handle());
  lane_.reset();
  EXPECT_EQ(fetched(memory_, 2)[1], 'k');
  EXPECT_TRUE(mark->is_reached());
  const PretendedCuda::Stream& of = pretended_cuda().streams.at(stream);
  EXPECT_EQ(of.done + 1, of.asked.size()) << "the second exchange is nobody's matter yet";
}

// CUDA may read the source of an asynchronous copy until the stream has come to it.
TEST(CudaModule, WhatIsCopiedInMayChangeOnReturn) {
  for (const size_t bytes : {size_t{3}, (size_t{1} << 20) + 5, size_t{40} << 20}) {
    std::vector<char> source(bytes);
    std::iota(source.begin(), source.end(), static_cast<char>(bytes));
    const std::vector<char> expected = source;
    void* memory = module().allocate(bytes);
    module().copy_in(memory, source.data(), bytes);
    std::ranges::fill(source, '?');
    EXPECT_TRUE(fetched(memory, bytes) == expected) << bytes;
    module().release(memory);
  }
}

TEST(CudaModule, ManySmallCopiesDoNotWaitForEachOtherAndKeepTheirOrder) {
  constexpr size_t kCopies = 50;
  void* memory = module().allocate(kCopies);
  const size_t before = pretended_cuda().done;
  for (size_t i = 0; i < kCopies; ++i) {
    const char value = static_cast<char>('a' + i % 26);
    module().copy_in(static_cast<char*>(memory) + i, &value, 1);
    if (i == 9) {
      EXPECT_EQ(pretended_cuda().done, before) << "nobody waited";
    }
  }
  const std::vector<char> out = fetched(memory, kCopies);
  for (size_t i = 0; i < kCopies; ++i) EXPECT_EQ(out[i], static_cast<char>('a' + i % 26)) << i;
  module().release(memory);
}

// Else a replay would read an address of the host whose owner is gone.
TEST(CudaModule, CopiesFromAndToTheHostAreRefusedWhileRecording) {
  char here = 'x';
  void* memory = module().allocate(1);
  module().begin_recording();
  EXPECT_THAT(
      [&] { module().copy_in(memory, &here, 1); },
      testing::ThrowsMessage<std::runtime_error>("a copy from the host cannot be recorded"));
  EXPECT_THAT([&] { module().copy_out(&here, memory, 1); },
              testing::ThrowsMessage<std::runtime_error>("a copy to the host cannot be recorded"));
  EXPECT_TRUE(pretended_cuda().recorded.empty());
  EXPECT_FALSE(pretended_cuda().spoiled);
  module().zero(memory, 1);
  const auto work = module().end_recording();
  EXPECT_EQ(pretended_cuda().recorded.size(), 1u);
  module().copy_in(memory, &here, 1);
  EXPECT_EQ(fetched(memory, 1)[0], 'x');
  work->replay();
  EXPECT_EQ(fetched(memory, 1)[0], '\0');
  pretended_cuda().recorded.clear();
  module().release(memory);
}

// A launch asks for the last fault, and must not be told of one that somebody has dealt with.
TEST(CudaModule, ARecordingThatFailedLeavesNoFaultBehind) {
  module().begin_recording();
  pretended_cuda().spoiled = true;
  EXPECT_THROW(module().end_recording(), std::runtime_error);
  EXPECT_EQ(cudaGetLastError(), cudaSuccess);
  module().begin_recording();
  EXPECT_NE(module().end_recording(), nullptr);
}

TEST(CudaModule, OnlyMemoryThatRanOutIsABadAlloc) {
  pretended_cuda().allocation = cudaErrorMemoryAllocation;
  try {
    module().allocate(7 << 20);
    FAIL();
  } catch (const std::bad_alloc& e) {
    EXPECT_STREQ(e.what(), "out of memory: the GPU has no 7 MiB left (5 MiB are free)");
  }
  EXPECT_EQ(cudaGetLastError(), cudaSuccess);
  pretended_cuda().allocation = cudaErrorIllegalAddress;
  EXPECT_THROW(module().allocate(7 << 20), std::runtime_error);
  pretended_cuda().allocation = cudaSuccess;
}

}  // namespace
}  // namespace slipway::cuda
