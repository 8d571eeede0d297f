// What the device cannot, as an error of the host's.
#pragma once
#include <stdexcept>

#include "base/error.h"
#include "operators/accelerator/device_copy.h"

namespace slipway {

// What `work` returns; a std::length_error becomes an Error that names the device and a fix.
template <class Work>
auto within_limits(const Work& work) {
  try {
    return work();
  } catch (const std::length_error& e) {
    fail("attention on {}: {}; use device = \"cpu\"", device_of_tensors().name(), e.what());
  }
}

}  // namespace slipway
