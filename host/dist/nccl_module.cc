// By dlopen.
#include "dist/nccl_module.h"

#include <dlfcn.h>

#include "base/error.h"
#include "base/program_folder.h"

namespace slipway {

fs::path nccl_module() { return parts_folder() / "libslipway_nccl.so"; }

std::string nccl_library(const Lookup& lookup, const fs::path& libtorch) {
  constexpr const char* kName = "libnccl.so.2";
  if (const auto named = lookup("SLIPWAY_NCCL_LIBRARY"); named && !named->empty()) return *named;
  // site-packages/torch/lib and site-packages/nvidia/nccl/lib
  const fs::path beside =
      libtorch.parent_path().parent_path().parent_path() / "nvidia/nccl/lib" / kName;
  return fs::exists(beside) ? beside.string() : kName;
}

DeviceWires& open_device_wires(const fs::path& module, const std::string& library) {
  if (!fs::exists(module))
    fail(
        "this build has no NCCL module ({}), by which several processes compute on GPUs: build "
        "again with the CUDA toolkit in PATH and without SLIPWAY_NCCL=off, or use device = \"cpu\"",
        module.string());
  void* const opened = dlopen(module.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (opened == nullptr) fail("the NCCL module cannot be loaded ({}); build again", dlerror());
  auto* open = reinterpret_cast<OpenDeviceWires*>(dlsym(opened, kOpenDeviceWires));
  if (open == nullptr)
    fail("{} is of another build (it has no {}); build again", module.string(), kOpenDeviceWires);
  char fault[512] = "";
  DeviceWires* const wires = open(library.c_str(), fault, sizeof fault);
  if (wires == nullptr)
    fail(
        "NCCL, by which several processes compute on GPUs, cannot be used ({}): install it beside "
        "LibTorch (pip install nvidia-nccl-cu13), or name a libnccl.so.2 in SLIPWAY_NCCL_LIBRARY",
        fault);
  return *wires;
}

DeviceWires& device_wires() {
  static DeviceWires& opened = open_device_wires(
      nccl_module(), nccl_library(process_variable, loaded_library("libtorch_cpu")));
  return opened;
}

}  // namespace slipway
