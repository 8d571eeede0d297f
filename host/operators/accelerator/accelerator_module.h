// Opening an accelerator's module, a shared library beside the program.
#pragma once
#include <string>

#include "base/files.h"
#include "kernels/accelerator.h"

namespace slipway {

// libslipway_cuda.so in Slipway's folder (base/program_folder.h).
fs::path cuda_module();

// This process among those of its machine that compute together: each takes a device of its own.
struct DeviceShare {
  int64_t local_rank = 0, local_world = 1;
};

// The device of a process, of `devices` that its machine shows: that of its local rank. One alone
// is taken by every rank where `are_chosen` (CUDA_VISIBLE_DEVICES is set: a launcher may show each
// rank its own). Throws Error where there are fewer devices than ranks.
int64_t device_of_rank(const DeviceShare& share, int64_t devices, bool are_chosen);

// The accelerator of a module; the module stays loaded. Throws Error that says why there is none,
// and the fix.
Accelerator& open_accelerator(const fs::path& module, const DeviceShare& share = {});

// Lets models compute where `device` says: "cpu", "cuda" (throws Error when that cannot be), or
// "auto": "cuda" where that can be, with a line of the log that says which. Call it before models
// are made. [loop]
void choose_device(const std::string& device, const DeviceShare& share = {},
                   const fs::path& module = cuda_module());

}  // namespace slipway
