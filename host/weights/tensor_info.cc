// Decoding of tensors: plain floats, and blocks of them.
#include "weights/tensor_info.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/error.h"
#include "base/excerpt.h"
#include "weights/ggml_blocks.h"

namespace slipway {
namespace {

float bfloat_to_float(uint16_t h) { return std::bit_cast<float>(static_cast<uint32_t>(h) << 16); }

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
    case Encoding::kQ5_0:
      return {"Q5_0", 32, 22};
    case Encoding::kQ5_1:
      return {"Q5_1", 32, 24};
    case Encoding::kQ8_0:
      return {"Q8_0", 32, 34};
    case Encoding::kQ2_K:
      return {"Q2_K", 256, 84};
    case Encoding::kQ3_K:
      return {"Q3_K", 256, 110};
    case Encoding::kQ4_K:
      return {"Q4_K", 256, 144};
    case Encoding::kQ5_K:
      return {"Q5_K", 256, 176};
    case Encoding::kQ6_K:
      return {"Q6_K", 256, 210};
    case Encoding::kIQ4_NL:
      return {"IQ4_NL", 32, 18};
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
        *o = static_cast<float>(loaded<double>(b));
      });
    case Encoding::kF16:
      return each_block(tensor, out, [](const std::byte* b, float* o) {
        *o = half_to_float(loaded<uint16_t>(b));
      });
    case Encoding::kBF16:
      return each_block(tensor, out, [](const std::byte* b, float* o) {
        *o = bfloat_to_float(loaded<uint16_t>(b));
      });
    default:
      if (const BlockDecoder decode = block_decoder(tensor.encoding); decode != nullptr)
        return each_block(tensor, out, decode);
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
