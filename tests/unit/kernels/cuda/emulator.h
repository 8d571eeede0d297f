// CUDA C++ on the processor: enough of it to run the kernels' own sources (host/kernels/cuda/*.h)
// in tests. The threads of a block are fibers of one thread; each runs until it meets a barrier or
// a shuffle. Blocks run one after the other. Threads between two barriers run in a chosen order,
// ascending or descending: where a barrier is missing the two orders give different results. Shared
// memory asked for at launch holds not-a-numbers at the start of each block. Barriers that not all
// threads reach are an error.
#pragma once
#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <functional>
#include <vector>

#include "compute/bfloat16.h"

#define SLIPWAY_CUDA_EMULATOR 1
#define __global__
#define __launch_bounds__(threads)
#define __device__
#define __shared__ static thread_local
#define SLIPWAY_UNROLL_BY_4
#define SLIPWAY_UNROLL
#define SLIPWAY_ONE_BY_ONE

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
// The same of six words: waits for all lanes, gives what each of the 32 put.
using LaneWords = std::array<uint32_t, 6>;
const LaneWords* exchange_all(const LaneWords& words);
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

struct __attribute__((may_alias, aligned(8))) uint2 {
  uint32_t x, y;
};
struct __attribute__((may_alias, aligned(16))) uint4 {
  uint32_t x, y, z, w;
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
inline float float_of_bits(uint32_t bits) { return std::bit_cast<float>(bits); }
inline float quick_exp2(float x) { return std::exp2(x); }
// PTX ISA, mma.m16n8k16 with bfloat16 operands: which thread holds what is told in
// kernels/cuda/matrix_fragment.h.
inline void warp_multiply_add(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
  const ::emulator::LaneWords* const lanes =
      ::emulator::exchange_all({a[0], a[1], a[2], a[3], b[0], b[1]});
  const unsigned lane = ::emulator::current().thread.x % 32, group = lane / 4, pair = lane % 4;
  const auto value = [](uint32_t word, unsigned half) {
    return from_bfloat16(static_cast<uint16_t>(word >> (16 * half)));
  };
  for (unsigned i = 0; i < 4; ++i) {
    const unsigned column = 2 * pair + i % 2;
    for (unsigned k = 0; k < 16; ++k) {
      // k is of thread k / 2 % 4 of a group, in its word for the first or the second eight.
      const unsigned holder = k / 2 % 4, second = k / 8;
      d[i] += value(lanes[group * 4 + holder][i / 2 + 2 * second], k % 2) *
              value(lanes[column * 4 + holder][4 + second], k % 2);
    }
  }
}
}  // namespace slipway::cuda
