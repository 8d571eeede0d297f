// A flag of the thread, and of the accelerator.
#include "operators/bf16_scope.h"

#include <utility>

#include "kernels/cpu/bf16_rounding.h"
#include "kernels/cpu/gemm_bf16.h"
#include "operators/accelerator/device_tensors.h"

namespace slipway {
namespace {

void tell(bool on) {
  if (accelerator() != nullptr) device_kernels().round_products(on);
}

}  // namespace

// Every GPU that the CUDA module is compiled for has tensor cores for bfloat16.
std::string why_bf16_is_slow() { return accelerator() != nullptr ? "" : gemm_bf16::why_slow(); }

Bfloat16Scope::Bfloat16Scope(bool on) : before_(std::exchange(bf16_rounding, on)) { tell(on); }
Bfloat16Scope::~Bfloat16Scope() { tell(bf16_rounding = before_); }

bool Bfloat16Scope::on() { return bf16_rounding; }

}  // namespace slipway
