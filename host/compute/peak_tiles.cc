// Chains of AMX's dot products: six tiles of sums, 16 x 16 each. Written as assembly: the
// compiler's own functions do not tell it that they read memory.
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <numeric>

#include "compute/peak_bursts.h"
#include "compute/tiles.h"

#if defined(__x86_64__)
namespace slipway::peak_bursts {
namespace {

constexpr int kSide = 16;  // rows, and sums in a row

#define SLIPWAY_ZERO_CHAINS()                                                        \
  asm volatile(                                                                      \
      "tilezero %%tmm0\n\ttilezero %%tmm1\n\ttilezero %%tmm2\n\ttilezero %%tmm3\n\t" \
      "tilezero %%tmm4\n\ttilezero %%tmm5" ::)
#define SLIPWAY_DOT_CHAINS(instruction)                                                            \
  asm volatile(instruction                                                                         \
               " %%tmm7, %%tmm6, %%tmm0\n\t" instruction " %%tmm7, %%tmm6, %%tmm1\n\t" instruction \
               " %%tmm7, %%tmm6, %%tmm2\n\t" instruction " %%tmm7, %%tmm6, %%tmm3\n\t" instruction \
               " %%tmm7, %%tmm6, %%tmm4\n\t" instruction " %%tmm7, %%tmm6, %%tmm5" ::)
#define SLIPWAY_STORE_CHAIN(tile, to) \
  asm volatile("tilestored %%tmm" #tile ", (%0,%1,1)" ::"r"(to), "r"(int64_t{64}) : "memory")

// Tiles 6 and 7 hold `word` everywhere; the sums of six chains of `dots` dot products.
template <class Number, class Dots>
double burst(uint32_t word, const Dots& dots) {
  alignas(64) uint32_t ones[kSide * kSide];
  std::fill(std::begin(ones), std::end(ones), word);
  alignas(64) static thread_local Number sums[6][kSide * kSide];
  const TileConfiguration configuration;
  asm volatile("ldtilecfg %0" ::"m"(configuration) : "memory");
  asm volatile("tileloadd (%0,%1,1), %%tmm6\n\ttileloadd (%0,%1,1), %%tmm7" ::"r"(ones),
               "r"(int64_t{64})
               : "memory");
  SLIPWAY_ZERO_CHAINS();
  dots();
  SLIPWAY_STORE_CHAIN(0, sums[0]);
  SLIPWAY_STORE_CHAIN(1, sums[1]);
  SLIPWAY_STORE_CHAIN(2, sums[2]);
  SLIPWAY_STORE_CHAIN(3, sums[3]);
  SLIPWAY_STORE_CHAIN(4, sums[4]);
  SLIPWAY_STORE_CHAIN(5, sums[5]);
  asm volatile("tilerelease" ::: "memory");
  return std::accumulate(sums[0], sums[0] + 6 * kSide * kSide, 0.0);
}

}  // namespace

double amx_bfloat16(int repeats) {
  return burst<float>(0x3F803F80, [&] {
    for (int i = 0; i < repeats; ++i) SLIPWAY_DOT_CHAINS("tdpbf16ps");
  });
}

double amx_int8(int repeats) {
  return burst<int32_t>(0x01010101, [&] {
    for (int i = 0; i < repeats; ++i) SLIPWAY_DOT_CHAINS("tdpbusd");
  });
}

}  // namespace slipway::peak_bursts
#endif
