// Measured once a process.
#include "operators/machine_rate.h"

#include <algorithm>

#include "base/trace.h"
#include "compute/measure.h"
#include "kernels/measure_device.h"
#include "operators/accelerator/device_tensors.h"

namespace slipway {

double machine_sgemm() {
  static const double kRate = [] {
    const TraceScope trace("measure", "calibrate sgemm");
    if (accelerator() != nullptr) return device_product_rate(*accelerator(), false, 0.02);
    const double first = measure_sgemm(1024, 1024, 1024, 0.02);
    // Many cores need more to show what they can.
    return first < 1e12 ? first : std::max(first, measure_sgemm(2048, 2048, 2048, 0.02));
  }();
  return kRate;
}

}  // namespace slipway
