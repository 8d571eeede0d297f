// Modules by dlopen.
#include "operators/accelerator/accelerator_module.h"

#include <dlfcn.h>

#include "base/error.h"
#include "base/log.h"
#include "base/program_folder.h"
#include "operators/accelerator/device_tensors.h"

namespace slipway {

fs::path cuda_module() { return parts_folder() / "libslipway_cuda.so"; }

Accelerator& open_accelerator(const fs::path& module) {
  if (!fs::exists(module))
    fail(
        "this build has no CUDA module ({}): install the CUDA toolkit and build again with "
        "-DSLIPWAY_CUDA=ON, or use device = \"cpu\"",
        module.string());
  void* library = dlopen(module.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr)
    fail("the CUDA module cannot be loaded ({}); install what is missing, or use device = \"cpu\"",
         dlerror());
  auto* open = reinterpret_cast<OpenAccelerator*>(dlsym(library, kOpenAccelerator));
  if (open == nullptr)
    fail("{} is of another build (it has no {}); build again", module.string(), kOpenAccelerator);
  char fault[512] = "";
  Accelerator* found = open(fault, sizeof fault);
  if (found == nullptr)
    fail("no CUDA device can be used (the driver says: {}); use device = \"cpu\"", fault);
  return *found;
}

void choose_device(const std::string& device, const fs::path& module) {
  if (device == "cpu") return;
  try {
    Accelerator& found = open_accelerator(module);
    use_accelerator(&found);
    log_info("computing on {}", found.name());
  } catch (const Error& e) {
    if (device != "auto") throw;
    log_info("computing on the processor: {}", e.what());
  }
}

}  // namespace slipway
