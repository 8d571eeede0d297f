// Training in mixed precision: weights, gradients and optimizer state are float32, and the matrix
// products of forward and backward round both operands to bfloat16 or float16 and sum in float32.
// Norms, attention's scores, the softmax of the loss and updates stay float32.
#pragma once
#include <string>

#include "kernels/rounding.h"

namespace slipway {

// Why models cannot compute so here, and compute in float32 instead; "" where they can. Goes by
// what the processor has, not by its speed: a run's numbers must not depend on that.
std::string why_no_bf16();
// Why such products are no faster than float32 where models compute, by a measurement of both
// (operators/product_rates.h) where they exist; "" where they are faster. [loop]
std::string why_bf16_is_slow();
// Why products cannot round to float16 where models compute; "" on processors, all of which can.
std::string why_no_fp16();

// While one is alive, products of unpacked weights work so: on this thread where the processor
// computes, in all of the accelerator's work where that does. Decoding's packed weights are not
// concerned. Scopes end in reverse order. [loop]
class ProductRoundingScope {
 public:
  explicit ProductRoundingScope(Rounding to);
  ~ProductRoundingScope();
  ProductRoundingScope(const ProductRoundingScope&) = delete;
  ProductRoundingScope& operator=(const ProductRoundingScope&) = delete;

  static Rounding now();  // of this thread

 private:
  Rounding before_;
};

}  // namespace slipway
