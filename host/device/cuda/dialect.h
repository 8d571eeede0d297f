// What the kernels' sources need beyond CUDA C++ itself. Compiled by nvcc they are kernels; compiled by the tests after
// tests/unit/device/cuda/emulator.h they are functions that run on the processor.
#pragma once
#include <cstdint>

#if defined(__CUDACC__)
#define SLIPWAY_UNROLL_BY_4 _Pragma("unroll 4")
namespace slipway::cuda {
// The memory that a launch asked for, shared by the threads of a block.
template <class T>
__device__ inline T* launched_shared() {
  extern __shared__ float4 slipway_launched_shared[];
  return reinterpret_cast<T*>(slipway_launched_shared);
}
}  // namespace slipway::cuda
#elif !defined(SLIPWAY_CUDA_EMULATOR)
#error "compile with nvcc, or include tests/unit/device/cuda/emulator.h first"
#endif

namespace slipway::cuda {

constexpr int kWarp = 32;
constexpr unsigned kAllLanes = 0xffffffffu;

// The sum, or the largest, of `value` over groups of `kLanes` neighbouring threads (a power of two up to 32); every thread gets it.
template <int kLanes, class T>
__device__ inline T sum_of_lanes(T value) {
  for (int offset = kLanes / 2; offset > 0; offset /= 2) value += __shfl_xor_sync(kAllLanes, value, offset);
  return value;
}
template <int kLanes, class T>
__device__ inline T largest_of_lanes(T value) {
  for (int offset = kLanes / 2; offset > 0; offset /= 2) {
    const T other = __shfl_xor_sync(kAllLanes, value, offset);
    value = other > value ? other : value;
  }
  return value;
}

// The same over a block of kThreads; `room` has kThreads / 32 places and may be used again after the next barrier.
template <int kThreads, class T>
__device__ inline T sum_of_block(T value, T* room) {
  value = sum_of_lanes<kWarp>(value);
  if (threadIdx.x % kWarp == 0) room[threadIdx.x / kWarp] = value;
  __syncthreads();
  T sum = 0;
  for (int w = 0; w < kThreads / kWarp; ++w) sum += room[w];
  __syncthreads();
  return sum;
}
template <int kThreads, class T>
__device__ inline T largest_of_block(T value, T* room) {
  value = largest_of_lanes<kWarp>(value);
  if (threadIdx.x % kWarp == 0) room[threadIdx.x / kWarp] = value;
  __syncthreads();
  T largest = room[0];
  for (int w = 1; w < kThreads / kWarp; ++w) largest = room[w] > largest ? room[w] : largest;
  __syncthreads();
  return largest;
}

}  // namespace slipway::cuda
