// How fast Slipway's own products are in float32 and in bfloat16: what train.bf16 brings here.
#pragma once
#include <optional>
#include <string>

namespace slipway {

// Floating-point operations a second.
struct ProductRates {
  double float32, bfloat16;
};

// Of the processor: a layer's products, forward and both gradients, on all threads; turns of both
// alternate, the best counts. Measured by the first call, in some 40 ms. nullopt: it has no
// instructions for bfloat16, nothing is measured. [loop]
const std::optional<ProductRates>& product_rates();

// What bfloat16 is slower than, in words; "" where it is faster.
std::string why_bf16_is_slow(const ProductRates& rates);

}  // namespace slipway
