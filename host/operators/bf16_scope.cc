// A flag of the thread, and of the accelerator.
#include "operators/bf16_scope.h"

#include <utility>

#include "kernels/cpu/gemm_bf16.h"
#include "operators/accelerator/device_tensors.h"
#include "operators/kernels_of.h"
#include "operators/product_rates.h"

namespace slipway {
namespace {

thread_local bool rounding = false;

}  // namespace

// Every GPU that the CUDA module is compiled for has tensor cores for bfloat16.
std::string why_no_bf16() { return accelerator() != nullptr ? "" : gemm_bf16::why_slow(); }

std::string why_bf16_is_slow() {
  if (accelerator() != nullptr) return "";
  const auto& rates = product_rates();
  return rates ? why_bf16_is_slow(*rates) : why_no_bf16();
}

Bfloat16Scope::Bfloat16Scope(bool on) : before_(std::exchange(rounding, on)) {
  compute_kernels().round_products(on);
}
Bfloat16Scope::~Bfloat16Scope() { compute_kernels().round_products(rounding = before_); }

bool Bfloat16Scope::on() { return rounding; }

}  // namespace slipway
