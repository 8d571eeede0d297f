// The block formats of GGUF, as the ggml project defines them.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "weights/tensor_info.h"

namespace slipway {

// A value that lies anywhere.
template <class T>
T loaded(const std::byte* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

float half_to_float(uint16_t half);

// Decodes one block into its floats, to ggml's bits.
using BlockDecoder = void (*)(const std::byte* block, float* out);
// nullptr = the encoding is not one of blocks.
BlockDecoder block_decoder(Encoding encoding);

}  // namespace slipway
