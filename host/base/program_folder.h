// Where Slipway lies, whatever program it is part of.
#pragma once
#include <string>

#include "base/files.h"

namespace slipway {

// The file of the loaded library whose name begins with `name`; "" when there is none.
fs::path loaded_library(const std::string& name);

// Where Slipway's program, libslipway.so, the bundled plugins and the CUDA module lie: the folder
// of the library when this process uses it, else that of the program.
fs::path program_folder();

}  // namespace slipway
