// Rounding.
#include "weights/encode.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "base/error.h"

namespace slipway {
namespace {

template <class T>
void append_value(std::string& out, T value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

uint16_t half_of(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  const auto sign = static_cast<uint16_t>(bits >> 16 & 0x8000);
  const float size = std::abs(value);
  if (size >= 65520.0f) return sign | 0x7C00;
  // Below the smallest normal number halves lie 2^-24 apart: the sum rounds there.
  if (size < 0x1p-14f)
    return static_cast<uint16_t>(sign | (std::bit_cast<uint32_t>(size + 0.5f) - 0x3F000000u));
  const uint32_t magnitude = bits & 0x7FFFFFFF;
  const uint32_t rounded = magnitude + 0xFFF + (magnitude >> 13 & 1) - (112u << 23);
  return static_cast<uint16_t>(sign | rounded >> 13);
}

uint16_t brain_of(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  return static_cast<uint16_t>((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
}

// Blocks of 32: the largest becomes 127.
void append_q8_0(std::string& out, std::span<const float> values) {
  for (size_t begin = 0; begin < values.size(); begin += 32) {
    const auto block = values.subspan(begin, 32);
    float largest = 0;
    for (const float each : block) largest = std::max(largest, std::abs(each));
    const float scale = largest / 127.0f, inverse = scale != 0 ? 1.0f / scale : 0.0f;
    append_value(out, half_of(scale));
    for (const float each : block)
      append_value(out, static_cast<int8_t>(std::round(each * inverse)));
  }
}

void check_values(Encoding encoding, std::span<const float> values, const std::string& tensor) {
  for (const float each : values) {
    if (!std::isfinite(each)) fail("tensor {}: holds values that are not finite", tensor);
    if (encoding == Encoding::kF16 && std::abs(each) >= 65520.0f)
      fail("tensor {}: holds {}, which float16 cannot; take bf16 or f32", tensor, each);
  }
}

}  // namespace

std::string encoded(Encoding encoding, std::span<const float> values, const std::string& tensor) {
  check_values(encoding, values, tensor);
  std::string out;
  const EncodingTraits format = traits(encoding);
  out.reserve(values.size() / static_cast<size_t>(format.block) *
              static_cast<size_t>(format.bytes));
  switch (encoding) {
    case Encoding::kQ8_0:
      append_q8_0(out, values);
      return out;
    case Encoding::kF32:
      out.assign(reinterpret_cast<const char*>(values.data()), values.size_bytes());
      return out;
    case Encoding::kF16:
      for (const float each : values) append_value(out, half_of(each));
      return out;
    case Encoding::kBF16:
      for (const float each : values) append_value(out, brain_of(each));
      return out;
    default:
      fail("tensor {}: nothing is written in {}", tensor, format.name);
  }
}

}  // namespace slipway
