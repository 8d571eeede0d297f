// What an accelerator is and can do, measured with the kernels and copies that training uses.
#pragma once
#include "base/json.h"
#include "kernels/accelerator.h"

namespace slipway {

// Floating-point operations a second of square products, the best of some sizes: those whose
// products take about `seconds` at most. `bf16`: operands rounded, as by train.bf16; else products
// as they are set at the moment. Throws std::bad_alloc where not even small matrices fit.
double device_product_rate(Accelerator& on, bool bf16, double seconds);

// Bytes a second, of copies of `bytes`.
struct CopyRates {
  double within;   // read and written bytes both counted
  double in, out;  // from and to the host's memory
};
CopyRates device_copy_rates(Accelerator& on, size_t bytes, double seconds);

// Name, capability, memory and rates, each measured for about `seconds`. [loop]
Json describe_device(Accelerator& on, double seconds);

}  // namespace slipway
