// The ELF note of a plugin file, read without running any of its code.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "base/files.h"

namespace slipway {

// One plugin of a file.
struct NamedPlugin {
  uint32_t kinds;
  std::string id;
};

struct PluginNote {
  uint16_t abi_major, abi_minor, min_host_minor, kinds;
  uint64_t torch_abi;  // 0 = no LibTorch
  std::string torch_build, cuda;
  std::vector<NamedPlugin> plugins{};  // what the file says that it holds; empty = it does not say
};

// Throws Error naming the file: not an ELF file for this machine, truncated, or no Slipway note in
// it.
PluginNote read_note(const fs::path& path);

}  // namespace slipway
