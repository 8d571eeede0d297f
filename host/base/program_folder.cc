// Libraries of this process.
#include "base/program_folder.h"

#include <link.h>

namespace slipway {

fs::path loaded_library(const std::string& name) {
  struct Search {
    const std::string& name;
    fs::path found;
  } search{name, {}};
  dl_iterate_phdr(
      [](dl_phdr_info* info, size_t, void* data) {
        auto& s = *static_cast<Search*>(data);
        if (fs::path(info->dlpi_name).filename().string().starts_with(s.name))
          s.found = info->dlpi_name;
        return s.found.empty() ? 0 : 1;
      },
      &search);
  return search.found;
}

fs::path program_folder() {
  if (const fs::path library = loaded_library("libslipway.so"); !library.empty())
    return fs::absolute(library).parent_path();
  std::error_code ec;
  return fs::read_symlink("/proc/self/exe", ec).parent_path();
}

}  // namespace slipway
