// Opening the NCCL module, a shared library beside the program, and NCCL itself.
#pragma once
#include <string>

#include "base/files.h"
#include "dist/device_wire.h"
#include "dist/environment.h"

namespace slipway {

// libslipway_nccl.so in Slipway's folder (base/program_folder.h).
fs::path nccl_module();

// The library that SLIPWAY_NCCL_LIBRARY names; else the one that pip puts beside LibTorch
// (`libtorch`: the file of libtorch_cpu); else libnccl.so.2, for the system's loader to find.
std::string nccl_library(const Lookup& lookup, const fs::path& libtorch);

// Both stay loaded. Throws Error that says what is missing or too old, and the fix.
DeviceWires& open_device_wires(const fs::path& module, const std::string& library);
// The same of this process's module and library; once it could be opened, always the same.
DeviceWires& device_wires();

}  // namespace slipway
