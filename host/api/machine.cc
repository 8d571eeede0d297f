// Asking the system.
#include "api/machine.h"

#include <unistd.h>

#include <fstream>
#include <sstream>

namespace slipway {

std::string cpu_name() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("model name"))
      if (const size_t at = line.find(": "); at != std::string::npos) return line.substr(at + 2);
  return "unknown";
}

double load_average() {
  std::ifstream file("/proc/loadavg");
  double load = -1;
  file >> load;
  return file ? load : -1;
}

uint64_t total_memory() {
  const int64_t pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);
  return pages > 0 && size > 0 ? static_cast<uint64_t>(pages) * static_cast<uint64_t>(size) : 0;
}

std::vector<std::string> instruction_sets() {
  std::vector<std::string> out;
#if defined(__x86_64__)
#define SLIPWAY_HAS(feature, name) \
  if (__builtin_cpu_supports(feature)) out.emplace_back(name)
  SLIPWAY_HAS("avx2", "avx2");
  SLIPWAY_HAS("fma", "fma");
  SLIPWAY_HAS("avx512f", "avx512f");
  SLIPWAY_HAS("avx512vl", "avx512vl");
  SLIPWAY_HAS("avx512bw", "avx512bw");
  SLIPWAY_HAS("avx512dq", "avx512dq");
  SLIPWAY_HAS("avx512vnni", "avx512_vnni");
  SLIPWAY_HAS("avx512bf16", "avx512_bf16");
  SLIPWAY_HAS("amx-tile", "amx_tile");
  SLIPWAY_HAS("amx-bf16", "amx_bf16");
#undef SLIPWAY_HAS
#endif
  return out;
}

std::string short_path(const fs::path& path) {
  std::error_code ec;
  // by name: a link below this folder is below it
  const fs::path relative = path.lexically_relative(fs::current_path(ec));
  return ec || relative.empty() || *relative.begin() == ".." ? path.string() : relative.string();
}

Json gpu_name() {
  std::error_code ec;
  for (const fs::directory_entry& gpu : fs::directory_iterator("/proc/driver/nvidia/gpus", ec)) {
    std::ifstream file(gpu.path() / "information");
    for (std::string line; std::getline(file, line);)
      if (line.starts_with("Model:"))
        if (const size_t at = line.find_first_not_of(" \t", 6); at != std::string::npos)
          return line.substr(at);
    return "NVIDIA GPU";
  }
  if (fs::exists("/dev/nvidia0")) return "NVIDIA GPU";  // a container may show the device alone
  return nullptr;
}

}  // namespace slipway
