// Where Slipway lies, whatever program it is part of.
#pragma once
#include <string>

#include "base/files.h"

namespace slipway {

// The file of the loaded library whose name begins with `name`; "" when there is none.
fs::path loaded_library(const std::string& name);

// Where the bundled plugins and the CUDA module lie. In a build folder that is the folder of
// libslipway.so when this process uses it, else that of the program; in an installed tree it is
// lib/slipway, beside the library and beside the program's bin.
fs::path parts_folder();

// slipway-run: in the same folder, or in an installed tree in bin.
fs::path worker_program();

}  // namespace slipway
