// Decoding of tensors: plain floats and the block formats of GGUF (as the ggml project defines
// them).
#include "weights/tensor_info.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/error.h"
#include "base/excerpt.h"

namespace slipway {
namespace {

template <class T>
T load(const std::byte* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

float half_to_float(uint16_t h) {
  const uint32_t sign = static_cast<uint32_t>(h & 0x8000) << 16;
  const uint32_t exponent = (h >> 10) & 0x1F, mantissa = h & 0x3FF;
  if (exponent == 0x1F) return std::bit_cast<float>(sign | 0x7F800000u | mantissa << 13);
  if (exponent != 0) return std::bit_cast<float>(sign | (exponent + 112) << 23 | mantissa << 13);
  const float tiny = static_cast<float>(mantissa) * 0x1.0p-24f;
  return sign != 0 ? -tiny : tiny;
}

float bfloat_to_float(uint16_t h) { return std::bit_cast<float>(static_cast<uint32_t>(h) << 16); }

int low_nibble(std::byte b) { return std::to_integer<int>(b) & 15; }
int high_nibble(std::byte b) { return std::to_integer<int>(b) >> 4; }

// 32 weights: half d, 16 bytes of nibbles; w = d * (q - 8). The low nibbles are the first 16
// weights.
void decode_q4_0(const std::byte* block, float* out) {
  const float d = half_to_float(load<uint16_t>(block));
  for (int i = 0; i < 16; ++i) {
    out[i] = d * static_cast<float>(low_nibble(block[2 + i]) - 8);
    out[i + 16] = d * static_cast<float>(high_nibble(block[2 + i]) - 8);
  }
}

// 32 weights: halves d and m, 16 bytes of nibbles; w = d * q + m.
void decode_q4_1(const std::byte* block, float* out) {
  const float d = half_to_float(load<uint16_t>(block)),
              m = half_to_float(load<uint16_t>(block + 2));
  for (int i = 0; i < 16; ++i) {
    out[i] = d * static_cast<float>(low_nibble(block[4 + i])) + m;
    out[i + 16] = d * static_cast<float>(high_nibble(block[4 + i])) + m;
  }
}

// 32 weights: half d, 32 signed bytes; w = d * q.
void decode_q8_0(const std::byte* block, float* out) {
  const float d = half_to_float(load<uint16_t>(block));
  for (int i = 0; i < 32; ++i) out[i] = d * static_cast<float>(load<int8_t>(block + 2 + i));
}

// 256 weights: 128 bytes of low nibbles, 64 bytes of high bit pairs, 16 signed scales of 16 weights
// each, half d; w = d * scale * (q - 32). Two halves of 128 weights, each four rows of 32.
void decode_q6_k(const std::byte* block, float* out) {
  const std::byte *low = block, *high = block + 128, *scales = block + 192;
  const float d = half_to_float(load<uint16_t>(block + 208));
  for (int half = 0; half < 2; ++half, low += 64, high += 32, scales += 8, out += 128)
    for (int row = 0; row < 4; ++row)
      for (int i = 0; i < 32; ++i) {
        const std::byte nibbles = low[(row & 1) * 32 + i];
        const int q = (row < 2 ? low_nibble(nibbles) : high_nibble(nibbles)) |
                      (std::to_integer<int>(high[i]) >> (2 * row) & 3) << 4;
        const float scale = d * static_cast<float>(load<int8_t>(scales + row * 2 + i / 16));
        out[row * 32 + i] = scale * static_cast<float>(q - 32);
      }
}

template <class Decode>
void each_block(const TensorInfo& tensor, float* out, Decode decode) {
  const EncodingTraits format = traits(tensor.encoding);
  const size_t blocks = tensor.bytes.size() / static_cast<size_t>(format.bytes);
  for (size_t b = 0; b < blocks; ++b)
    decode(tensor.bytes.data() + b * static_cast<size_t>(format.bytes),
           out + b * static_cast<size_t>(format.block));
}

}  // namespace

EncodingTraits traits(Encoding encoding) {
  switch (encoding) {
    case Encoding::kF64:
      return {"F64", 1, 8};
    case Encoding::kF32:
      return {"F32", 1, 4};
    case Encoding::kF16:
      return {"F16", 1, 2};
    case Encoding::kBF16:
      return {"BF16", 1, 2};
    case Encoding::kI64:
      return {"I64", 1, 8};
    case Encoding::kI32:
      return {"I32", 1, 4};
    case Encoding::kI16:
      return {"I16", 1, 2};
    case Encoding::kI8:
      return {"I8", 1, 1};
    case Encoding::kU8:
      return {"U8", 1, 1};
    case Encoding::kBool:
      return {"BOOL", 1, 1};
    case Encoding::kQ4_0:
      return {"Q4_0", 32, 18};
    case Encoding::kQ4_1:
      return {"Q4_1", 32, 20};
    case Encoding::kQ8_0:
      return {"Q8_0", 32, 34};
    case Encoding::kQ6_K:
      return {"Q6_K", 256, 210};
  }
  return {"?", 1, 1};
}

int64_t element_count(std::span<const int64_t> shape, const std::string& where) {
  int64_t count = 1;
  for (const int64_t extent : shape)
    if (extent < 0 || __builtin_mul_overflow(count, extent, &count))
      fail("{}: the shape is negative or too large", where);
  return count;
}

std::string shape_text(std::span<const int64_t> shape) {
  std::string out;
  for (const int64_t extent : shape) out += (out.empty() ? "[" : ", ") + std::to_string(extent);
  return out.empty() ? "[]" : out + "]";
}

void decode_to_float(const TensorInfo& tensor, float* out) {
  const std::byte* in = tensor.bytes.data();
  if (tensor.bytes.empty()) return;
  switch (tensor.encoding) {
    case Encoding::kF32:
      std::memcpy(out, in, tensor.bytes.size());
      return;
    case Encoding::kF64:
      return each_block(tensor, out, [](const std::byte* b, float* o) {
        *o = static_cast<float>(load<double>(b));
      });
    case Encoding::kF16:
      return each_block(
          tensor, out, [](const std::byte* b, float* o) { *o = half_to_float(load<uint16_t>(b)); });
    case Encoding::kBF16:
      return each_block(tensor, out, [](const std::byte* b, float* o) {
        *o = bfloat_to_float(load<uint16_t>(b));
      });
    case Encoding::kQ4_0:
      return each_block(tensor, out, decode_q4_0);
    case Encoding::kQ4_1:
      return each_block(tensor, out, decode_q4_1);
    case Encoding::kQ8_0:
      return each_block(tensor, out, decode_q8_0);
    case Encoding::kQ6_K:
      return each_block(tensor, out, decode_q6_k);
    default:
      fail(
          "tensor {}: holds {} values, expected floating point; weights that are packed into whole "
          "numbers are not supported",
          excerpt(tensor.name), traits(tensor.encoding).name);
  }
}

TensorInfo part_of(const TensorInfo& tensor, int64_t first, int64_t count) {
  const EncodingTraits encoding = traits(tensor.encoding);
  if (encoding.block != 1) fail("{}: its values are in blocks ({})", tensor.name, encoding.name);
  return {tensor.name,
          tensor.encoding,
          {count},
          tensor.bytes.subspan(static_cast<size_t>(first * encoding.bytes),
                               static_cast<size_t>(count * encoding.bytes))};
}

bool same_values(const TensorInfo& a, const TensorInfo& b) {
  if (a.shape != b.shape) return false;
  if (a.encoding == b.encoding) return std::ranges::equal(a.bytes, b.bytes);
  std::vector<float> values[2];
  for (const TensorInfo* each : {&a, &b}) {
    std::vector<float>& out = values[each == &b];
    out.resize(static_cast<size_t>(element_count(each->shape, each->name)));
    decode_to_float(*each, out.data());
  }
  return std::memcmp(values[0].data(), values[1].data(), values[0].size() * sizeof(float)) == 0;
}

}  // namespace slipway
