// The emulator itself: it must do what CUDA promises, and must notice what CUDA would punish.
#include "tests/unit/kernels/cuda/emulator.h"

#include <gtest/gtest.h>

namespace {

using emulator::Order;

TEST(Emulator, EveryThreadOfEveryBlockRunsOnce) {
  std::vector<int> runs(3 * 2 * 70);
  emulator::run({3, 2, 1}, 70, 0, Order::kAscending,
                [&] { ++runs[(blockIdx.y * 3 + blockIdx.x) * 70 + threadIdx.x]; });
  EXPECT_EQ(std::count(runs.begin(), runs.end(), 1), 420);
}

TEST(Emulator, ShufflesExchangeWithinTheWarp) {
  std::vector<int> got(64);
  emulator::run({1, 1, 1}, 64, 0, Order::kDescending, [&] {
    int value = static_cast<int>(threadIdx.x);
    for (int offset = 16; offset > 0; offset /= 2) value += __shfl_xor_sync(~0u, value, offset);
    got[threadIdx.x] = value;
  });
  for (int t = 0; t < 64; ++t)
    EXPECT_EQ(got[static_cast<size_t>(t)], t < 32 ? 496 : 496 + 32 * 32) << t;
}

// Each thread reads what its neighbour wrote, with or without a barrier between.
std::vector<float> neighbours(Order order, bool with_barrier) {
  std::vector<float> got(64);
  emulator::run({1, 1, 1}, 64, 64 * sizeof(float), order, [&] {
    float* shared = static_cast<float*>(emulator::shared());
    shared[threadIdx.x] = static_cast<float>(threadIdx.x);
    if (with_barrier) __syncthreads();
    got[threadIdx.x] = shared[(threadIdx.x + 1) % 64];
  });
  return got;
}

TEST(Emulator, AMissingBarrierShows) {
  EXPECT_EQ(neighbours(Order::kAscending, true), neighbours(Order::kDescending, true));
  EXPECT_NE(neighbours(Order::kAscending, false), neighbours(Order::kDescending, false));
  // memory that nobody has written yet
  EXPECT_TRUE(std::isnan(neighbours(Order::kAscending, false)[0]));
}

TEST(Emulator, WritingBehindSharedMemoryIsAnError) {
  for (const int beyond : {0, 700})
    EXPECT_THROW(emulator::run({1, 1, 1}, 32, 128, Order::kAscending,
                               [&] {
                                 if (threadIdx.x == 0)
                                   static_cast<float*>(emulator::shared())[32 + beyond] = 1;
                               }),
                 std::logic_error);
}

TEST(Emulator, ABarrierThatSomeThreadsSkipIsAnError) {
  EXPECT_THROW(emulator::run({1, 1, 1}, 64, 0, Order::kAscending,
                             [] {
                               if (threadIdx.x < 63) __syncthreads();
                             }),
               std::logic_error);
}

}  // namespace
