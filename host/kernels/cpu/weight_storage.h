// How weights are stored for sampling: decoding few rows waits for weights to come from memory, and
// fewer bits are fewer bytes. The weights that are trained are never rounded.
#pragma once
#include <optional>
#include <string_view>

namespace slipway {

// kBfloat16: each weight rounded to the nearest bfloat16, ties to even; where the processor has
// products of bfloat16 inputs are, too (product_bf16.h), else weights are widened
// (widened_bf16.h). kInt8: whole numbers from -127 to 127 times one scale for each output and each
// gemm_int8::kGroup inputs, the largest magnitude there over 127; inputs are whole numbers of 16
// bits times one scale a row (gemm_int8.h).
enum class WeightStorage { kFloat32, kBfloat16, kInt8 };

// "float32", "bfloat16", "int8".
std::string_view name_of(WeightStorage storage);
std::optional<WeightStorage> weight_storage_of(std::string_view name);
// Bytes of a weight, its share of a scale included.
double bytes_of(WeightStorage storage);

}  // namespace slipway
