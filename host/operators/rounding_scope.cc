// A setting of the thread, and of the accelerator.
#include "operators/rounding_scope.h"

#include <utility>

#include "kernels/cpu/gemm_bf16.h"
#include "operators/accelerator/device_tensors.h"
#include "operators/kernels_of.h"
#include "operators/product_rates.h"

namespace slipway {
namespace {

thread_local Rounding rounding = Rounding::kNone;

}  // namespace

// Every GPU that the CUDA module is compiled for has tensor cores for bfloat16.
std::string why_no_bf16() { return accelerator() != nullptr ? "" : gemm_bf16::why_slow(); }

std::string why_bf16_is_slow() {
  if (accelerator() != nullptr) return "";
  const auto& rates = product_rates();
  return rates ? why_bf16_is_slow(*rates) : why_no_bf16();
}

std::string why_no_fp16() {
  if (accelerator() == nullptr) return "";
  return "products on " + std::string(accelerator()->name()) +
         " round to bfloat16, which needs no loss scale; write bf16 = true";
}

ProductRoundingScope::ProductRoundingScope(Rounding to) : before_(std::exchange(rounding, to)) {
  compute_kernels().round_products(to);
}
ProductRoundingScope::~ProductRoundingScope() {
  compute_kernels().round_products(rounding = before_);
}

Rounding ProductRoundingScope::now() { return rounding; }

}  // namespace slipway
