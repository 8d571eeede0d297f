// Counter-based random numbers: what is drawn depends on a key and a place, never on what was drawn
// before. So a run draws the same numbers whatever the batch composition, the thread count, or a
// crash in between.
#pragma once
#include <array>
#include <cstdint>

namespace slipway {

// Philox 4x32 with 10 rounds (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC
// 2011).
constexpr std::array<uint32_t, 4> philox(std::array<uint32_t, 4> counter,
                                         std::array<uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    const uint64_t a = uint64_t{0xD2511F53} * counter[0], b = uint64_t{0xCD9E8D57} * counter[2];
    counter = {static_cast<uint32_t>(b >> 32) ^ counter[1] ^ key[0], static_cast<uint32_t>(b),
               static_cast<uint32_t>(a >> 32) ^ counter[3] ^ key[1], static_cast<uint32_t>(a)};
    key[0] += 0x9E3779B9;
    key[1] += 0xBB67AE85;
  }
  return counter;
}

// Where a token is drawn.
struct DrawPlace {
  uint32_t iteration, prompt, sample, position;
};

// Uniform in [0, 1) with 53 bits.
constexpr double uniform(uint64_t seed, const DrawPlace& at) {
  const auto bits = philox({at.position, at.sample, at.prompt, at.iteration},
                           {static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)});
  return static_cast<double>(((uint64_t{bits[0]} << 32 | bits[1]) >> 11)) * 0x1.0p-53;
}

}  // namespace slipway
