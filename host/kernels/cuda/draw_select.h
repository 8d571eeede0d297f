// Finding an element of the order by probability (the smaller token first among equals) by its
// rank, or by the mass before it: four passes over the digits of the logits, with no sorting.
// Masses are whole numbers (2^-40 of the largest): their sums do not depend on the order of
// additions.
#pragma once
#include "kernels/cuda/most_likely.h"

namespace slipway::cuda {

constexpr int kDrawThreads = 512, kDigits = 256;

// A histogram of digits for each warp, in the launch's shared memory: most logits share a few
// digits, and a single histogram would have all threads wait for the same few places.
constexpr int kHistogramBytes = kDrawThreads / kWarp * kDigits * static_cast<int>(sizeof(Whole));

// The masses that a selection adds up.
struct One {
  __device__ Whole operator()(float) const { return 1; }
};
struct Mass {
  float largest, inverse_temperature;
  __device__ float exact(float x) const { return expf((x - largest) * inverse_temperature); }
  __device__ Whole operator()(float x) const {
    const float p = exact(x);
    return p > 0 ? static_cast<Whole>(p * 1099511627776.0f) : 0;
  }
};

// An element of the order by probability.
struct Selected {
  uint32_t order;
  int64_t token;
  Whole through;  // mass of all elements up to it, itself included
};

// What the threads of a draw share.
struct DrawRoom {
  Whole digits[kDigits];
  int counts[kDrawThreads];
  float floats[kDrawThreads / kWarp];
  double doubles[kDrawThreads / kWarp];
  Whole wholes[kDrawThreads / kWarp];
  double groups[kWarp];
  int slice, rank;
  uint32_t prefix;
  Whole before;
  Selected selected;
};

// room.digits = masses by the digit at `shift` of the elements whose higher digits are `prefix`.
// Begins and ends with all threads together.
template <class MassOf>
__device__ void count_digits(const float* x, int64_t vocab, const MassOf& mass, int shift,
                             uint32_t prefix, DrawRoom& room) {
  const int thread = static_cast<int>(threadIdx.x);
  Whole* const all = launched_shared<Whole>();
  for (int i = thread; i < kDrawThreads / kWarp * kDigits; i += kDrawThreads) all[i] = 0;
  __syncthreads();
  Whole* const mine = all + thread / kWarp * kDigits;
  // What a thread finds of one digit in a row is added up before it goes to memory.
  uint32_t digit = 0;
  Whole sum = 0;
  for (int64_t i = thread; i < vocab; i += kDrawThreads) {
    const uint32_t order = order_of(x[i]), next = order >> shift & 255u;
    if (shift != 24 && order >> (shift + 8) != prefix) continue;
    if (next != digit && sum != 0) atomicAdd(&mine[digit], sum), sum = 0;
    digit = next;
    sum += mass(x[i]);
  }
  if (sum != 0) atomicAdd(&mine[digit], sum);
  __syncthreads();
  for (int d = thread; d < kDigits; d += kDrawThreads) {
    Whole joined = 0;
    for (int warp = 0; warp < kDrawThreads / kWarp; ++warp) joined += all[warp * kDigits + d];
    room.digits[d] = joined;
  }
  __syncthreads();
}

// Thread 0: the digit in which the descending running mass passes the target.
__device__ inline void take_digit(DrawRoom& room, Whole target) {
  int digit = kDigits - 1;
  for (; digit > 0 && room.before + room.digits[digit] <= target; --digit)
    room.before += room.digits[digit];
  room.prefix = room.prefix << 8 | static_cast<uint32_t>(digit);
}

// The element at which the running mass, in descending order, passes `target`; every thread gets
// it. `target` is below the whole mass.
template <class MassOf>
__device__ Selected select_descending(const float* x, int64_t vocab, const MassOf& mass,
                                      Whole target, DrawRoom& room) {
  const int thread = static_cast<int>(threadIdx.x);
  if (thread == 0) room.prefix = 0, room.before = 0;
  for (int shift = 24; shift >= 0; shift -= 8) {
    __syncthreads();
    count_digits(x, vocab, mass, shift, room.prefix, room);
    if (thread == 0) take_digit(room, target);
    __syncthreads();
  }
  // Equals come in the vocabulary's order: each thread counts those of its slice.
  const uint32_t order = room.prefix;
  const int64_t slice = (vocab + kDrawThreads - 1) / kDrawThreads, begin = thread * slice,
                end = begin + slice < vocab ? begin + slice : vocab;
  int count = 0;
  for (int64_t i = begin; i < end; ++i) count += order_of(x[i]) == order;
  room.counts[thread] = count;
  if (thread == 0) room.selected = Selected{order, 0, room.before};
  __syncthreads();
  if (thread == 0) {
    Whole each = 1;
    for (int t = 0; t < kDrawThreads; ++t)
      if (room.counts[t] > 0) {
        const int64_t first = t * slice;
        for (int64_t i = first; i < first + slice && i < vocab; ++i)
          if (order_of(x[i]) == order) {
            each = mass(x[i]);
            break;
          }
        break;
      }
    int rank =
        each > 0 && target > room.before ? static_cast<int>((target - room.before) / each) : 0;
    room.selected.through = room.before + each * static_cast<Whole>(rank + 1);
    room.slice = 0;
    while (room.slice + 1 < kDrawThreads && rank >= room.counts[room.slice])
      rank -= room.counts[room.slice++];
    room.rank = rank;
  }
  __syncthreads();
  if (thread == room.slice) {
    int rank = room.rank;
    for (int64_t i = begin; i < end; ++i)
      if (order_of(x[i]) == order && rank-- == 0) room.selected.token = i;
  }
  __syncthreads();
  const Selected out = room.selected;
  __syncthreads();
  return out;
}

}  // namespace slipway::cuda
