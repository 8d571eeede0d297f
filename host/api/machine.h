// What the machine says of itself, without measuring.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "base/files.h"
#include "base/json.h"

namespace slipway {

std::string cpu_name();   // "unknown" where /proc does not tell
double load_average();    // of the last minute; -1 = unknown
uint64_t total_memory();  // bytes; 0 = unknown

// Those that matter here and that this processor has: avx2 fma avx512f avx512_bf16 amx_bf16 ...
std::vector<std::string> instruction_sets();

// Relative to the working folder where it lies below it, else absolute.
std::string short_path(const fs::path& path);

// The NVIDIA GPUs' model, null when there is none.
Json gpu_name();

}  // namespace slipway
