// Rounding weights, and the layout they lie in: a panel is, for each group of inputs, the scales of
// its columns (int8 alone), then [inputs][columns]. One stream of memory, read from front to back.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "compute/bfloat16.h"
#include "compute/scratch.h"
#include "kernels/cpu/gemm.h"
#include "kernels/cpu/low_bit.h"

namespace slipway {

std::string_view name_of(WeightStorage storage) {
  return storage == WeightStorage::kInt8       ? "int8"
         : storage == WeightStorage::kBfloat16 ? "bfloat16"
                                               : "float32";
}

std::optional<WeightStorage> weight_storage_of(std::string_view name) {
  for (const WeightStorage storage :
       {WeightStorage::kFloat32, WeightStorage::kBfloat16, WeightStorage::kInt8})
    if (name == name_of(storage)) return storage;
  return std::nullopt;
}

double bytes_of(WeightStorage storage) {
  return storage == WeightStorage::kInt8 ? 1 + static_cast<double>(sizeof(float)) / low_bit::kGroup
         : storage == WeightStorage::kBfloat16 ? 2
                                               : 4;
}

namespace low_bit {
namespace {

// One group of a panel, [count][width] floats -> scales and whole numbers. A column with a weight
// that is not finite becomes not a number as a whole: a model that diverged must not look sound.
std::byte* quantize(const float* from, int64_t count, int64_t width, std::byte* to) {
  float scale[gemm::kWidest] = {}, poison[gemm::kWidest] = {}, inverse[gemm::kWidest];
  for (int64_t i = 0; i < count; ++i)
    for (int64_t j = 0; j < width; ++j) {
      scale[j] = std::max(scale[j], std::abs(from[i * width + j]));
      poison[j] += 0 * from[i * width + j];
    }
  for (int64_t j = 0; j < width; ++j) {
    scale[j] /= 127;
    // Zeros, or numbers so small that their scale has no reciprocal: zeros.
    inverse[j] = scale[j] >= 0x1p-120f ? 1 / scale[j] : 0;
    scale[j] += poison[j];
  }
  std::memcpy(to, scale, static_cast<size_t>(width) * sizeof(float));
  auto* numbers = reinterpret_cast<int8_t*>(to + static_cast<size_t>(width) * sizeof(float));
  // Adding and taking away 1.5 * 2^23 rounds to the nearest whole number, ties to even.
  constexpr float kRound = 0x1.8p23f;
  for (int64_t i = 0; i < count; ++i)
    for (int64_t j = 0; j < width; ++j)
      numbers[i * width + j] = static_cast<int8_t>(std::min(
          127.0f, std::max(-127.0f, (from[i * width + j] * inverse[j] + kRound) - kRound)));
  return reinterpret_cast<std::byte*>(numbers + count * width);
}

}  // namespace

int64_t panel_stride(WeightStorage storage, int64_t k) {
  const int64_t width = gemm::panel_width(),
                scales = (k + kGroup - 1) / kGroup * width * static_cast<int64_t>(sizeof(float));
  const int64_t bytes = storage == WeightStorage::kInt8 ? scales + k * width : 2 * k * width;
  return (bytes + 63) / 64 * 64;
}

void pack(WeightStorage storage, const float* w, int64_t row, int64_t n, int64_t k, int64_t first,
          int64_t last, std::byte* packed) {
  const int64_t width = gemm::panel_width(), stride = panel_stride(storage, k);
  static thread_local Scratch scratch;
  float* const panel = scratch.take(width * k);
  for (int64_t p = first; p < last; ++p) {
    const int64_t column = p * width;
    gemm::pack_transposed(w + column * row, row, std::min(width, n - column), k, 0, 1, panel,
                          width * k);
    std::byte* to = packed + p * stride;
    if (storage == WeightStorage::kBfloat16) {
      auto* numbers = reinterpret_cast<uint16_t*>(to);
      for (int64_t i = 0; i < width * k; ++i) numbers[i] = to_bfloat16(panel[i]);
    } else {
      for (int64_t i = 0; i < k; i += kGroup)
        to = quantize(panel + i * width, std::min(kGroup, k - i), width, to);
    }
  }
}

}  // namespace low_bit
}  // namespace slipway
