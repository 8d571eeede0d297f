// What the kernels' sources need beyond CUDA C++ itself. Compiled by nvcc they are kernels;
// compiled by the tests after tests/unit/kernels/cuda/emulator.h they are functions that run on the
// processor.
#pragma once
#include <cstdint>

#if defined(__CUDACC__)
#define SLIPWAY_UNROLL_BY_4 _Pragma("unroll 4")
#define SLIPWAY_UNROLL _Pragma("unroll")
#define SLIPWAY_ONE_BY_ONE _Pragma("unroll 1")
namespace slipway::cuda {
// The memory that a launch asked for, shared by the threads of a block.
template <class T>
__device__ inline T* launched_shared() {
  extern __shared__ float4 slipway_launched_shared[];
  return reinterpret_cast<T*>(slipway_launched_shared);
}

// Two values rounded to bfloat16, to the nearest, ties to even: `low` in the lower half.
__device__ inline uint32_t bfloat16_pair(float low, float high) {
  uint32_t pair;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(high), "f"(low));
  return pair;
}
// d += a b of small matrices that the threads of a warp hold together (matrix_fragment.h).
__device__ inline void warp_multiply_add(float (&d)[4], const uint32_t (&a)[4],
                                         const uint32_t (&b)[2]) {
  asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, "
      "{%8, %9}, {%0, %1, %2, %3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}
__device__ inline float float_of_bits(uint32_t bits) { return __uint_as_float(bits); }
// 2^x to 2^-22 of itself, which is enough for what is rounded to bfloat16 next; 0 of -INFINITY.
__device__ inline float quick_exp2(float x) {
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}
}  // namespace slipway::cuda
#elif !defined(SLIPWAY_CUDA_EMULATOR)
#error "compile with nvcc, or include tests/unit/kernels/cuda/emulator.h first"
#endif

namespace slipway::cuda {

constexpr int kWarp = 32;
constexpr unsigned kAllLanes = 0xffffffffu;
using Whole = unsigned long long;  // as CUDA's atomics want it

// A thread's number among all of the launch, and how many those are.
__device__ inline int64_t own_index() {
  return static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
}
__device__ inline int64_t all_threads() { return static_cast<int64_t>(gridDim.x) * blockDim.x; }

struct Sum {
  template <class T>
  __device__ T operator()(T a, T b) const {
    return a + b;
  }
};
struct Largest {
  template <class T>
  __device__ T operator()(T a, T b) const {
    return b > a ? b : a;
  }
};

// The values of groups of `kLanes` neighbouring threads (a power of two up to 32) joined; every
// thread gets the result.
template <int kLanes, class Join, class T>
__device__ inline T join_lanes(T value) {
  for (int offset = kLanes / 2; offset > 0; offset /= 2)
    value = Join()(value, __shfl_xor_sync(kAllLanes, value, offset));
  return value;
}
// The same over a block of kThreads; `room` has kThreads / 32 places and may be used again after
// the next barrier.
template <int kThreads, class Join, class T>
__device__ inline T join_block(T value, T* room) {
  value = join_lanes<kWarp, Join>(value);
  if (threadIdx.x % kWarp == 0) room[threadIdx.x / kWarp] = value;
  __syncthreads();
  T joined = room[0];
  for (int w = 1; w < kThreads / kWarp; ++w) joined = Join()(joined, room[w]);
  __syncthreads();
  return joined;
}

template <int kLanes, class T>
__device__ inline T sum_of_lanes(T value) {
  return join_lanes<kLanes, Sum>(value);
}
template <int kLanes, class T>
__device__ inline T largest_of_lanes(T value) {
  return join_lanes<kLanes, Largest>(value);
}
template <int kThreads, class T>
__device__ inline T sum_of_block(T value, T* room) {
  return join_block<kThreads, Sum>(value, room);
}
template <int kThreads, class T>
__device__ inline T largest_of_block(T value, T* room) {
  return join_block<kThreads, Largest>(value, room);
}

}  // namespace slipway::cuda
