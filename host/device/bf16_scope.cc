// A flag of the thread, and of the accelerator.
#include "device/bf16_scope.h"

#include <utility>

#include "device/accelerator/device_tensors.h"
#include "device/gemm_bf16.h"

namespace slipway {
namespace {

thread_local bool rounding = false;

void tell(bool on) {
  if (accelerator() != nullptr) device_kernels().round_products(on);
}

}  // namespace

// Every GPU that the CUDA module is compiled for has tensor cores for bfloat16.
std::string why_bf16_is_slow() { return accelerator() != nullptr ? "" : gemm_bf16::why_slow(); }

Bfloat16Scope::Bfloat16Scope(bool on) : before_(std::exchange(rounding, on)) { tell(on); }
Bfloat16Scope::~Bfloat16Scope() { tell(rounding = before_); }

bool Bfloat16Scope::on() { return rounding; }

}  // namespace slipway
