// Values in the encodings that files are written in.
#pragma once
#include <span>
#include <string>

#include "weights/tensor_info.h"

namespace slipway {

// float32 values as float32, float16, bfloat16 (to the nearest, to even between two) or Q8_0 (whole
// blocks, as ggml's reference rounds). Throws Error, which says that it is of `tensor`, on values
// that are not finite or that float16 cannot hold, and on other encodings.
std::string encoded(Encoding encoding, std::span<const float> values, const std::string& tensor);

}  // namespace slipway
