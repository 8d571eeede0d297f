// Values for kernels' tests.
#pragma once
#include <cstdint>
#include <vector>

#include "base/random.h"

namespace slipway {

// Uniform in [-0.5, 0.5); equal keys give equal values.
inline std::vector<float> noise(int64_t count, uint32_t key) {
  std::vector<float> out;
  for (int64_t i = 0; i < count; ++i)
    out.push_back(static_cast<float>(uniform(1, {0, key, 0, static_cast<uint32_t>(i)}) - 0.5));
  return out;
}

}  // namespace slipway
