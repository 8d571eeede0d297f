// CUDA C++ on the processor: enough of it to run the kernels' own sources (host/kernels/cuda/*.h)
// in tests. The threads of a block are fibers of one thread; each runs until it meets a barrier or
// a shuffle. Blocks run one after the other. Threads between two barriers run in a chosen order,
// ascending or descending: where a barrier is missing the two orders give different results. Shared
// memory asked for at launch holds not-a-numbers at the start of each block. Barriers that not all
// threads reach are an error.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <functional>
#include <vector>

#define SLIPWAY_CUDA_EMULATOR 1
#define __global__
#define __launch_bounds__(threads)
#define __device__
#define __shared__ static thread_local
#define SLIPWAY_UNROLL_BY_4

namespace emulator {

struct Dim {
  unsigned x = 1, y = 1, z = 1;
};

enum class Order { kAscending, kDescending };

// Runs `body` as every thread of every block. Throws std::logic_error when threads of a block wait
// at different barriers.
void run(Dim grid, int threads, int shared_bytes, Order order, const std::function<void()>& body);

// For the thread that runs right now.
struct Current {
  Dim thread, block, blocks, threads;
};
Current& current();
void barrier();
// Puts 8 bytes there, waits for all lanes of the warp, gives what lane `from` put.
uint64_t exchange(uint64_t value, int from);
void* shared();

// Of the last block: how often atomicAdd went to the place where it went most often.
int64_t most_additions_at_one_place();
void count_addition(const void* place);

template <class T>
T shuffle_xor(T value, int mask) {
  static_assert(sizeof(T) <= 8);
  uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof value);
  bits = exchange(bits, static_cast<int>(current().thread.x % 32) ^ mask);
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

}  // namespace emulator

#define threadIdx (::emulator::current().thread)
#define blockIdx (::emulator::current().block)
#define gridDim (::emulator::current().blocks)
#define blockDim (::emulator::current().threads)

// May alias: kernels read four floats as one of these.
struct __attribute__((may_alias, aligned(16))) float4 {
  float x, y, z, w;
};

inline void __syncthreads() { ::emulator::barrier(); }
template <class T>
T __shfl_xor_sync(unsigned, T value, int mask) {
  return ::emulator::shuffle_xor(value, mask);
}
template <class T>
T atomicAdd(T* to, T value) {
  ::emulator::count_addition(to);
  const T before = *to;
  *to = static_cast<T>(before + value);
  return before;
}

namespace slipway::cuda {
template <class T>
T* launched_shared() {
  return static_cast<T*>(::emulator::shared());
}
}  // namespace slipway::cuda
