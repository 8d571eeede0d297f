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

namespace {

fs::path own_folder() {
  std::error_code ec;
  if (const fs::path library = loaded_library("libslipway.so"); !library.empty())
    return fs::absolute(library).parent_path();
  return fs::read_symlink("/proc/self/exe", ec).parent_path();
}

}  // namespace

fs::path parts_folder() {
  const fs::path own = own_folder(), installed = own.parent_path() / "lib/slipway";
  return !fs::is_directory(own / "plugins") && fs::is_directory(installed) ? installed : own;
}

fs::path worker_program() {
  const fs::path own = own_folder(), installed = own.parent_path() / "bin/slipway-run";
  return !fs::exists(own / "slipway-run") && fs::exists(installed) ? installed
                                                                   : own / "slipway-run";
}

}  // namespace slipway
