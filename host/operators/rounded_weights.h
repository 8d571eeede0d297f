// bfloat16 copies of a device's weights for as long as they stay what they are: the weights of each
// product side by side, made when they are first used. Decoding waits for weights to come from
// memory, and these are half the bytes.
#pragma once
#include <unordered_map>

#include "compute/torch.h"
#include "operators/packed_weights.h"
#include "operators/product_weights.h"

namespace slipway {

// While one is alive, products on this thread take the weights that `known` has from here, if
// nothing records gradients. The device's memory has room for them, or std::bad_alloc comes from
// the product. [loop]
class RoundedWeightsScope {
 public:
  explicit RoundedWeightsScope(const PackedWeights& known);
  ~RoundedWeightsScope();
  RoundedWeightsScope(const RoundedWeightsScope&) = delete;
  RoundedWeightsScope& operator=(const RoundedWeightsScope&) = delete;

  static RoundedWeightsScope* current();  // of this thread; nullptr outside every scope

  // The rows of all weights [n, k] one below the other; nullptr where one is not known.
  const uint16_t* of(const ProductWeights& weights);

 private:
  const PackedWeights& known_;
  // by the first weight's memory: a weight is in one product
  std::unordered_map<const void*, at::Tensor> copies_;
  RoundedWeightsScope* outer_;
};

}  // namespace slipway
