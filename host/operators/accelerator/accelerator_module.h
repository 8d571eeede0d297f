// Opening an accelerator's module, a shared library beside the program.
#pragma once
#include <string>

#include "base/files.h"
#include "kernels/accelerator.h"

namespace slipway {

// libslipway_cuda.so in Slipway's folder (base/program_folder.h).
fs::path cuda_module();

// The accelerator of a module; the module stays loaded. Throws Error that says why there is none,
// and the fix.
Accelerator& open_accelerator(const fs::path& module);

// Lets models compute where `device` says: "cpu", "cuda" (throws Error when that cannot be), or
// "auto": "cuda" where that can be, with a line of the log that says which. Call it before models
// are made. [loop]
void choose_device(const std::string& device, const fs::path& module = cuda_module());

}  // namespace slipway
