// Drawing tokens from rows of logits, one block of threads a draw. Without top-k and top-p a token
// is where the running mass in the vocabulary's order passes u of the whole, as on the processor.
// With them it is found in the order by probability (draw_select.h).
#pragma once
#include "base/random.h"
#include "kernels/cuda/draw_select.h"
#include "kernels/device_kernels.h"

namespace slipway::cuda {

constexpr int kDrawChunk = 128;

// Whether tokens are left out.
constexpr bool restricts(int64_t top_k, double top_p, int64_t vocab) {
  return (top_k > 0 && top_k < vocab) || top_p < 1.0;
}

// Bytes of shared memory: a double a chunk, or histograms.
inline int draw_shared(const DrawBatch& b) {
  if (restricts(b.top_k, b.top_p, b.vocab)) return kHistogramBytes;
  return static_cast<int>((b.vocab + kDrawChunk - 1) / kDrawChunk *
                          static_cast<int64_t>(sizeof(double)));
}

// Thread 0: where the running mass of chunks passes u of the whole. `masses` [chunks], room.groups:
// sums of `per` chunks.
__device__ inline int64_t walk(const float* x, int64_t vocab, const Mass& mass, double u,
                               const double* masses, int64_t chunks, int64_t per,
                               const DrawRoom& room) {
  double total = 0;
  for (int g = 0; g < kWarp; ++g) total += room.groups[g];
  const double target = u * total;
  double before = 0;
  int group = 0, positive = 0;
  for (; group < kWarp && before + room.groups[group] <= target; ++group) {
    before += room.groups[group];
    if (room.groups[group] > 0) positive = group;
  }
  // rounding left a sliver at the end: the last token with any probability
  if (group == kWarp) group = positive, before = target;
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

// The token in the vocabulary's order; valid in thread 0. `masses`: a double a chunk, in shared
// memory.
__device__ inline int64_t draw_unrestricted(const float* x, int64_t vocab, const Mass& mass,
                                            double u, double* masses, DrawRoom& room) {
  const int64_t chunks = (vocab + kDrawChunk - 1) / kDrawChunk, per = (chunks + kWarp - 1) / kWarp;
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  for (int64_t c = threadIdx.x / kWarp; c < chunks; c += kDrawThreads / kWarp) {
    float sum = 0;
    for (int64_t i = c * kDrawChunk + lane; i < vocab && i < (c + 1) * kDrawChunk; i += kWarp)
      sum += mass.exact(x[i]);
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
__device__ inline int64_t draw_restricted(const float* x, const DrawBatch& b, const Mass& mass,
                                          double u, DrawRoom& room) {
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
    const Whole target = wanted < 1.0                          ? 0
                         : wanted > static_cast<double>(total) ? total - 1
                                                               : static_cast<Whole>(wanted) - 1;
    total = select_descending(x, b.vocab, mass, target, room).through;
  }
  const Whole target = static_cast<Whole>(u * static_cast<double>(total));
  return select_descending(x, b.vocab, mass, target < total ? target : total - 1, room).token;
}

__global__ __launch_bounds__(kDrawThreads) inline void draw_kernel(DrawBatch b) {
  __shared__ DrawRoom room;
  const int64_t draw = blockIdx.x, row = b.rows == nullptr ? draw : b.rows[draw];
  const float* x = b.logits + row * b.vocab;
  float largest = -INFINITY;
  for (int64_t i = threadIdx.x; i < b.vocab; i += kDrawThreads)
    largest = x[i] > largest ? x[i] : largest;
  largest = largest_of_block<kDrawThreads>(largest, room.floats);
  double sum = 0;
  for (int64_t i = threadIdx.x; i < b.vocab; i += kDrawThreads)
    sum += static_cast<double>(expf(x[i] - largest));
  const double total = sum_of_block<kDrawThreads>(sum, room.doubles);
  int64_t token = 0;
  if (!(total > 0 && total < INFINITY)) {
    // The logits are not numbers: nothing can be drawn.
  } else if (b.temperature <= 0) {
    token = most_likely<kDrawThreads>(x, b.vocab, room.wholes);
  } else {
    const DrawPlace place{b.iteration, static_cast<uint32_t>(b.prompts[draw]),
                          static_cast<uint32_t>(b.samples[draw]),
                          static_cast<uint32_t>(b.places[draw])};
    const double u = uniform(b.seed, place);
    const Mass mass{largest, static_cast<float>(1.0 / b.temperature)};
    token = restricts(b.top_k, b.top_p, b.vocab)
                ? draw_restricted(x, b, mass, u, room)
                : draw_unrestricted(x, b.vocab, mass, u, launched_shared<double>(), room);
  }
  if (threadIdx.x != 0) return;
  b.tokens[draw] = token;
  b.logprobs[draw] =
      total > 0 && total < INFINITY ? x[token] - (largest + static_cast<float>(log(total))) : NAN;
}

}  // namespace slipway::cuda
