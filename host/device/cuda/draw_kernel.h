// Drawing tokens from rows of logits, one block of threads a draw. Without top-k and top-p a token is where the running mass in the
// vocabulary's order passes u of the whole, as on the processor. With them the order is by probability, the smaller token first among
// equals: an element of that order is found by its rank, or by the mass before it, in four passes over the digits of the logits,
// with no sorting. Masses are whole numbers (2^-40 of the largest) there: their sums do not depend on the order of additions.
#pragma once
#include "base/random.h"
#include "device/cuda/dialect.h"
#include "device/device_kernels.h"

namespace slipway::cuda {

constexpr int kDrawThreads = 512, kDrawChunk = 128, kDigits = 256;
using Whole = unsigned long long;  // as CUDA's atomics want it

inline int draw_shared(int64_t vocab) { return static_cast<int>((vocab + kDrawChunk - 1) / kDrawChunk * static_cast<int64_t>(sizeof(double))); }

// The logits' order as whole numbers.
__device__ inline uint32_t order_of(float x) {
  union {
    float value;
    uint32_t bits;
  } u;
  u.value = x;
  return u.bits & 0x80000000u ? ~u.bits : u.bits | 0x80000000u;
}

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

// Thread 0: the digit in which the descending running mass passes the target.
__device__ inline void take_digit(DrawRoom& room, Whole target) {
  int digit = kDigits - 1;
  for (; digit > 0 && room.before + room.digits[digit] <= target; --digit) room.before += room.digits[digit];
  room.prefix = room.prefix << 8 | static_cast<uint32_t>(digit);
}

// The element at which the running mass, in descending order, passes `target`; every thread gets it. `target` is below the whole mass.
template <class MassOf>
__device__ Selected select_descending(const float* x, int64_t vocab, const MassOf& mass, Whole target, DrawRoom& room) {
  const int thread = static_cast<int>(threadIdx.x);
  if (thread == 0) room.prefix = 0, room.before = 0;
  for (int shift = 24; shift >= 0; shift -= 8) {
    for (int d = thread; d < kDigits; d += kDrawThreads) room.digits[d] = 0;
    __syncthreads();
    const uint32_t prefix = room.prefix;
    for (int64_t i = thread; i < vocab; i += kDrawThreads) {
      const uint32_t order = order_of(x[i]);
      if (shift == 24 || order >> (shift + 8) == prefix) atomicAdd(&room.digits[order >> shift & 255u], mass(x[i]));
    }
    __syncthreads();
    if (thread == 0) take_digit(room, target);
    __syncthreads();
  }
  // Equals come in the vocabulary's order: each thread counts those of its slice.
  const uint32_t order = room.prefix;
  const int64_t slice = (vocab + kDrawThreads - 1) / kDrawThreads, begin = thread * slice, end = begin + slice < vocab ? begin + slice : vocab;
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
    int rank = each > 0 && target > room.before ? static_cast<int>((target - room.before) / each) : 0;
    room.selected.through = room.before + each * static_cast<Whole>(rank + 1);
    room.slice = 0;
    while (room.slice + 1 < kDrawThreads && rank >= room.counts[room.slice]) rank -= room.counts[room.slice++];
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

// Thread 0: where the running mass of chunks passes u of the whole. `masses` [chunks], room.groups: sums of `per` chunks.
__device__ inline int64_t walk(const float* x, int64_t vocab, const Mass& mass, double u, const double* masses, int64_t chunks, int64_t per, const DrawRoom& room) {
  double total = 0;
  for (int g = 0; g < kWarp; ++g) total += room.groups[g];
  const double target = u * total;
  double before = 0;
  int group = 0, positive = 0;
  for (; group < kWarp && before + room.groups[group] <= target; ++group) {
    before += room.groups[group];
    if (room.groups[group] > 0) positive = group;
  }
  if (group == kWarp) group = positive, before = target;  // rounding left a sliver at the end: the last token with any probability
  int64_t chunk = group * per, last = chunk;
  const int64_t end = chunk + per < chunks ? chunk + per : chunks;
  for (; chunk < end && before + masses[chunk] <= target; ++chunk) {
    before += masses[chunk];
    if (masses[chunk] > 0) last = chunk;
  }
  if (chunk >= end) chunk = last;
  int64_t token = 0;
  for (int64_t i = chunk * kDrawChunk; i < vocab && i < (chunk + 1) * kDrawChunk; ++i) {
    const float p = mass.exact(x[i]);
    if (!(p > 0)) continue;
    token = i;
    before += static_cast<double>(p);
    if (before > target) break;
  }
  return token;
}

// The token in the vocabulary's order; valid in thread 0. `masses`: a double a chunk, in shared memory.
__device__ inline int64_t draw_unrestricted(const float* x, int64_t vocab, const Mass& mass, double u, double* masses, DrawRoom& room) {
  const int64_t chunks = (vocab + kDrawChunk - 1) / kDrawChunk, per = (chunks + kWarp - 1) / kWarp;
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  for (int64_t c = threadIdx.x / kWarp; c < chunks; c += kDrawThreads / kWarp) {
    float sum = 0;
    for (int64_t i = c * kDrawChunk + lane; i < vocab && i < (c + 1) * kDrawChunk; i += kWarp) sum += mass.exact(x[i]);
    sum = sum_of_lanes<kWarp>(sum);
    if (lane == 0) masses[c] = static_cast<double>(sum);
  }
  __syncthreads();
  if (threadIdx.x < kWarp) {
    double sum = 0;
    for (int64_t c = lane * per; c < (lane + 1) * per && c < chunks; ++c) sum += masses[c];
    room.groups[lane] = sum;
  }
  __syncthreads();
  return threadIdx.x == 0 ? walk(x, vocab, mass, u, masses, chunks, per, room) : 0;
}

// The token in the order by probability, after top-k, then top-p.
__device__ inline int64_t draw_restricted(const float* x, const DrawBatch& b, const Mass& mass, double u, DrawRoom& room) {
  const bool by_count = b.top_k > 0 && b.top_k < b.vocab;
  Selected last{0, b.vocab, 0};
  if (by_count) last = select_descending(x, b.vocab, One{}, static_cast<Whole>(b.top_k - 1), room);
  Whole sum = 0;
  for (int64_t i = threadIdx.x; i < b.vocab; i += kDrawThreads) {
    const uint32_t order = order_of(x[i]);
    if (order > last.order || (order == last.order && i <= last.token)) sum += mass(x[i]);
  }
  Whole total = sum_of_block<kDrawThreads>(sum, room.wholes);
  if (total == 0) return 0;
  if (b.top_p < 1.0) {
    const double wanted = ceil(b.top_p * static_cast<double>(total));
    const Whole target = wanted < 1.0 ? 0 : wanted > static_cast<double>(total) ? total - 1 : static_cast<Whole>(wanted) - 1;
    total = select_descending(x, b.vocab, mass, target, room).through;
  }
  const Whole target = static_cast<Whole>(u * static_cast<double>(total));
  return select_descending(x, b.vocab, mass, target < total ? target : total - 1, room).token;
}

__global__ inline void draw_kernel(DrawBatch b) {
  __shared__ DrawRoom room;
  const int64_t draw = blockIdx.x, row = b.rows == nullptr ? draw : b.rows[draw];
  const float* x = b.logits + row * b.vocab;
  float largest = -INFINITY;
  for (int64_t i = threadIdx.x; i < b.vocab; i += kDrawThreads) largest = x[i] > largest ? x[i] : largest;
  largest = largest_of_block<kDrawThreads>(largest, room.floats);
  double sum = 0;
  for (int64_t i = threadIdx.x; i < b.vocab; i += kDrawThreads) sum += static_cast<double>(expf(x[i] - largest));
  const double total = sum_of_block<kDrawThreads>(sum, room.doubles);
  int64_t token = 0;
  if (b.temperature <= 0) {
    token = select_descending(x, b.vocab, One{}, 0, room).token;
  } else {
    const DrawPlace place{b.iteration, static_cast<uint32_t>(b.prompts[draw]), static_cast<uint32_t>(b.samples[draw]), static_cast<uint32_t>(b.places[draw])};
    const double u = uniform(b.seed, place);
    const Mass mass{largest, static_cast<float>(1.0 / b.temperature)};
    token = (b.top_k > 0 && b.top_k < b.vocab) || b.top_p < 1.0 ? draw_restricted(x, b, mass, u, room)
                                                               : draw_unrestricted(x, b.vocab, mass, u, launched_shared<double>(), room);
  }
  if (threadIdx.x != 0) return;
  b.tokens[draw] = token;
  b.logprobs[draw] = x[token] - (largest + static_cast<float>(log(total)));
}

}  // namespace slipway::cuda
