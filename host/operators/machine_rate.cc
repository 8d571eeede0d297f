// Measured once a process, and again where that was too low.
#include "operators/machine_rate.h"

#include <algorithm>
#include <optional>

#include "base/trace.h"
#include "compute/measure.h"
#include "compute/peak.h"
#include "kernels/measure_device.h"
#include "operators/accelerator/device_tensors.h"

namespace slipway {
namespace {

// 0: no such arithmetic.
double measured(Arithmetic of) {
  const TraceScope trace("measure",
                         of == Arithmetic::kBfloat16 ? "calibrate bfloat16" : "calibrate float32");
  if (accelerator() != nullptr) return device_product_rate(*accelerator(), false, 0.02);
  const auto peak = multiply_add_peak(of, thread_count(), 0.005);
  return peak ? peak->rate : 0;
}

}  // namespace

double machine_peak(bool bf16, double seen) {
  static std::optional<double> peaks[2];
  std::optional<double>& peak = peaks[bf16];
  const Arithmetic of = bf16 ? Arithmetic::kBfloat16 : Arithmetic::kFloat32;
  if (!peak || (*peak > 0 && seen > *peak)) peak = std::max(peak.value_or(0), measured(of));
  // A processor without such instructions rounds, and multiplies in float32.
  return *peak > 0 ? *peak : machine_peak(false, seen);
}

}  // namespace slipway
