// How much a tile asks of memory for the panel after its own.
#pragma once
#include <algorithm>
#include <cstdint>

namespace slipway {

constexpr int64_t kCacheLine = 64;

// Cache lines for each time that a tile asks, where in `times` it must come to `share` bytes.
inline int64_t lines_ahead(int64_t share, int64_t times) {
  const int64_t asked = kCacheLine * std::max<int64_t>(1, times);
  return (share + asked - 1) / asked;
}

}  // namespace slipway
