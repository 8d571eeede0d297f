// What lies at a path.
#include "base/path_kind.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstring>

#include "base/error.h"

namespace slipway {

PathKind kind_of_path(const fs::path& path) {
  struct stat info{};
  if (::stat(path.c_str(), &info) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) return PathKind::kNothing;
    fail("{}: {}", path.string(), std::strerror(errno));
  }
  if (S_ISDIR(info.st_mode)) return PathKind::kFolder;
  return S_ISREG(info.st_mode) ? PathKind::kFile : PathKind::kOther;
}

}  // namespace slipway
