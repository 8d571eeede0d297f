// Modules by dlopen.
#include "operators/accelerator/accelerator_module.h"

#include <dlfcn.h>

#include <cstdlib>

#include "base/error.h"
#include "base/log.h"
#include "base/program_folder.h"
#include "operators/accelerator/device_tensors.h"

namespace slipway {

fs::path cuda_module() { return parts_folder() / "libslipway_cuda.so"; }

int64_t device_of_rank(const DeviceShare& share, int64_t devices, bool are_chosen) {
  if (share.local_rank < devices && share.local_world <= devices) return share.local_rank;
  if (devices == 1 && are_chosen) return 0;
  fail(
      "each of the {} processes of this machine computes on a GPU of its own, and {} {} to be seen "
      "here{}: start at most {} (slipway launch --nproc {}), or use device = \"cpu\"",
      share.local_world, devices, devices == 1 ? "is" : "are",
      are_chosen ? " (CUDA_VISIBLE_DEVICES)" : "", devices, devices);
}

namespace {

template <class Function>
Function* function_of(void* library, const char* name, const fs::path& module) {
  auto* found = reinterpret_cast<Function*>(dlsym(library, name));
  if (found == nullptr)
    fail("{} is of another build (it has no {}); build again", module.string(), name);
  return found;
}

[[noreturn]] void refuse_for(const char* fault) {
  fail("no CUDA device can be used (the driver says: {}); use device = \"cpu\"", fault);
}

}  // namespace

Accelerator& open_accelerator(const fs::path& module, const DeviceShare& share) {
  if (!fs::exists(module))
    fail(
        "this build has no CUDA module ({}): install the CUDA toolkit and build again with "
        "-DSLIPWAY_CUDA=ON, or use device = \"cpu\"",
        module.string());
  void* library = dlopen(module.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr)
    fail("the CUDA module cannot be loaded ({}); install what is missing, or use device = \"cpu\"",
         dlerror());
  auto* open = function_of<OpenAccelerator>(library, kOpenAccelerator, module);
  char fault[512] = "";
  const int64_t devices =
      function_of<CountDevices>(library, kCountDevices, module)(fault, sizeof fault);
  if (devices < 0) refuse_for(fault);
  if (devices == 0) refuse_for("no CUDA-capable device is detected");
  const char* chosen = std::getenv("CUDA_VISIBLE_DEVICES");
  Accelerator* found = open(device_of_rank(share, devices, chosen != nullptr && *chosen != '\0'),
                            fault, sizeof fault);
  if (found == nullptr) refuse_for(fault);
  return *found;
}

void choose_device(const std::string& device, const DeviceShare& share, const fs::path& module) {
  if (device == "cpu") return;
  try {
    Accelerator& found = open_accelerator(module, share);
    use_accelerator(&found);
    log_info("computing on {}", found.name());
  } catch (const Error& e) {
    if (device != "auto") throw;
    log_info("computing on the processor: {}", e.what());
  }
}

}  // namespace slipway
