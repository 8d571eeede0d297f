// Decoders of blocks. In those of 32 weights the low nibbles are the first 16 weights; those of 256
// have scales of their own for 16 or 32 weights.
#include "weights/ggml_blocks.h"

#include <bit>

namespace slipway {
namespace {

int byte_at(const std::byte* at, int i) { return std::to_integer<int>(at[i]); }
float half_at(const std::byte* at) { return half_to_float(loaded<uint16_t>(at)); }

// w = d * (q - 8)
void decode_q4_0(const std::byte* block, float* out) {
  const float d = half_at(block);
  for (int i = 0; i < 16; ++i) {
    out[i] = d * static_cast<float>((byte_at(block, 2 + i) & 15) - 8);
    out[i + 16] = d * static_cast<float>((byte_at(block, 2 + i) >> 4) - 8);
  }
}

// w = d * q + m
void decode_q4_1(const std::byte* block, float* out) {
  const float d = half_at(block), m = half_at(block + 2);
  for (int i = 0; i < 16; ++i) {
    out[i] = d * static_cast<float>(byte_at(block, 4 + i) & 15) + m;
    out[i + 16] = d * static_cast<float>(byte_at(block, 4 + i) >> 4) + m;
  }
}

// A fifth bit of each weight i is bit i of a word before the nibbles.
int five_bits(uint32_t high, const std::byte* nibbles, int i) {
  const int low = i < 16 ? byte_at(nibbles, i) & 15 : byte_at(nibbles, i - 16) >> 4;
  return low | static_cast<int>(high >> i & 1) << 4;
}
void decode_q5_0(const std::byte* block, float* out) {
  const float d = half_at(block);
  const auto high = loaded<uint32_t>(block + 2);
  for (int i = 0; i < 32; ++i) out[i] = d * static_cast<float>(five_bits(high, block + 6, i) - 16);
}
void decode_q5_1(const std::byte* block, float* out) {
  const float d = half_at(block), m = half_at(block + 2);
  const auto high = loaded<uint32_t>(block + 4);
  for (int i = 0; i < 32; ++i) out[i] = d * static_cast<float>(five_bits(high, block + 8, i)) + m;
}

// w = d * q
void decode_q8_0(const std::byte* block, float* out) {
  const float d = half_at(block);
  for (int i = 0; i < 32; ++i) out[i] = d * static_cast<float>(loaded<int8_t>(block + 2 + i));
}

// Nibbles are numbers of a table.
void decode_iq4_nl(const std::byte* block, float* out) {
  constexpr float kLevels[] = {-127, -104, -83, -65, -49, -35, -22, -10,
                               1,    13,   25,  38,  53,  69,  89,  113};
  const float d = half_at(block);
  for (int i = 0; i < 16; ++i) {
    out[i] = d * kLevels[byte_at(block, 2 + i) & 15];
    out[i + 16] = d * kLevels[byte_at(block, 2 + i) >> 4];
  }
}

// 16 bytes of scales (low nibble) and minima (high nibble), 64 bytes of bit pairs, halves d and m:
// w = d * scale * q - m * minimum. Two halves of 128 weights, four rows of 32 each.
void decode_q2_k(const std::byte* block, float* out) {
  const std::byte* pairs = block + 16;
  const float d = half_at(block + 80), m = half_at(block + 82);
  for (int i = 0; i < 256; ++i) {
    const int half = i / 128, row = i % 128 / 32, at = i % 32;
    const int scales = byte_at(block, half * 8 + row * 2 + at / 16);
    const int q = byte_at(pairs, half * 32 + at) >> (2 * row) & 3;
    out[i] = d * static_cast<float>(scales & 15) * static_cast<float>(q) -
             m * static_cast<float>(scales >> 4);
  }
}

// 32 bytes of third bits, 64 of bit pairs, 12 of scales of 6 bits, half d: w = d * (scale - 32) *
// (q - 4).
void decode_q3_k(const std::byte* block, float* out) {
  const std::byte *pairs = block + 32, *scales = block + 96;
  const float d = half_at(block + 108);
  for (int i = 0; i < 256; ++i) {
    const int half = i / 128, row = i % 128 / 32, at = i % 32, s = i / 16;
    const int low = s < 8 ? byte_at(scales, s) & 15 : byte_at(scales, s - 8) >> 4;
    const int high = byte_at(scales, 8 + s % 4) >> (2 * (s / 4)) & 3;
    const int third = byte_at(block, at) >> (half * 4 + row) & 1;
    const int q = (byte_at(pairs, half * 32 + at) >> (2 * row) & 3) - (third != 0 ? 0 : 4);
    out[i] = d * static_cast<float>((low | high << 4) - 32) * static_cast<float>(q);
  }
}

// The scale and the minimum, 6 bits each, of the j-th 32 weights.
struct ScaleAndMinimum {
  int scale, minimum;
};
ScaleAndMinimum six_bits(const std::byte* packed, int j) {
  const auto at = [&](int i) { return byte_at(packed, i); };
  if (j < 4) return {at(j) & 63, at(j + 4) & 63};
  return {(at(j + 4) & 15) | (at(j - 4) >> 6) << 4, at(j + 4) >> 4 | (at(j) >> 6) << 4};
}

// Halves d and m, 12 bytes of scales and minima, 128 of nibbles (q5: 32 bytes of fifth bits before
// them): w = d * scale * q - m * minimum, in four groups of 64 weights, low nibbles first.
template <bool five>
void decode_q45_k(const std::byte* block, float* out) {
  const float d = half_at(block), m = half_at(block + 2);
  const std::byte *fifths = block + 16, *nibbles = block + (five ? 48 : 16);
  for (int j = 0; j < 8; ++j) {
    const ScaleAndMinimum s = six_bits(block + 4, j);
    const float scale = d * static_cast<float>(s.scale), least = m * static_cast<float>(s.minimum);
    for (int i = 0; i < 32; ++i) {
      const int both = byte_at(nibbles, j / 2 * 32 + i);
      int q = j % 2 == 0 ? both & 15 : both >> 4;
      if (five) q += (byte_at(fifths, i) >> j & 1) << 4;
      out[j * 32 + i] = scale * static_cast<float>(q) - least;
    }
  }
}

// 128 bytes of low nibbles, 64 bytes of high bit pairs, 16 signed scales of 16 weights each, half
// d; w = d * scale * (q - 32). Two halves of 128 weights, each four rows of 32.
void decode_q6_k(const std::byte* block, float* out) {
  const std::byte *low = block, *high = block + 128, *scales = block + 192;
  const float d = half_at(block + 208);
  for (int half = 0; half < 2; ++half, low += 64, high += 32, scales += 8, out += 128)
    for (int row = 0; row < 4; ++row)
      for (int i = 0; i < 32; ++i) {
        const int nibbles = byte_at(low, (row & 1) * 32 + i);
        const int q = (row < 2 ? nibbles & 15 : nibbles >> 4) | (byte_at(high, i) >> (2 * row) & 3)
                                                                    << 4;
        const float scale = d * static_cast<float>(loaded<int8_t>(scales + row * 2 + i / 16));
        out[row * 32 + i] = scale * static_cast<float>(q - 32);
      }
}

}  // namespace

float half_to_float(uint16_t h) {
  const uint32_t sign = static_cast<uint32_t>(h & 0x8000) << 16;
  const uint32_t exponent = (h >> 10) & 0x1F, mantissa = h & 0x3FF;
  if (exponent == 0x1F) return std::bit_cast<float>(sign | 0x7F800000u | mantissa << 13);
  if (exponent != 0) return std::bit_cast<float>(sign | (exponent + 112) << 23 | mantissa << 13);
  const float tiny = static_cast<float>(mantissa) * 0x1.0p-24f;
  return sign != 0 ? -tiny : tiny;
}

BlockDecoder block_decoder(Encoding encoding) {
  switch (encoding) {
    case Encoding::kQ4_0:
      return decode_q4_0;
    case Encoding::kQ4_1:
      return decode_q4_1;
    case Encoding::kQ5_0:
      return decode_q5_0;
    case Encoding::kQ5_1:
      return decode_q5_1;
    case Encoding::kQ8_0:
      return decode_q8_0;
    case Encoding::kQ2_K:
      return decode_q2_k;
    case Encoding::kQ3_K:
      return decode_q3_k;
    case Encoding::kQ4_K:
      return decode_q45_k<false>;
    case Encoding::kQ5_K:
      return decode_q45_k<true>;
    case Encoding::kQ6_K:
      return decode_q6_k;
    case Encoding::kIQ4_NL:
      return decode_iq4_nl;
    default:
      return nullptr;
  }
}

}  // namespace slipway
