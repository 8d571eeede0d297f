// Training in mixed precision: weights, gradients and optimizer state are float32, and the matrix
// products of forward and backward round both operands to bfloat16 and sum in float32. Norms,
// attention's scores, the softmax of the loss and updates stay float32.
#pragma once
#include <string>

namespace slipway {

// Why models cannot compute so here, and compute in float32 instead; "" where they can. Goes by
// what the processor has, not by its speed: a run's numbers must not depend on that.
std::string why_no_bf16();
// Why such products are no faster than float32 where models compute, by a measurement of both
// (operators/product_rates.h) where they exist; "" where they are faster. [loop]
std::string why_bf16_is_slow();

// While one that is on is alive, products of unpacked weights work so: on this thread where the
// processor computes, in all of the accelerator's work where that does. Decoding's packed weights
// are not concerned. Scopes end in reverse order. [loop]
class Bfloat16Scope {
 public:
  explicit Bfloat16Scope(bool on);
  ~Bfloat16Scope();
  Bfloat16Scope(const Bfloat16Scope&) = delete;
  Bfloat16Scope& operator=(const Bfloat16Scope&) = delete;

  static bool on();  // for this thread

 private:
  bool before_;
};

}  // namespace slipway
