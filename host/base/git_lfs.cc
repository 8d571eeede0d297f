// Git LFS pointers.
#include "base/git_lfs.h"

#include "base/error.h"

namespace slipway {

void refuse_git_lfs_pointer(std::string_view bytes, const std::string& origin) {
  if (!bytes.starts_with(kGitLfsPointer)) return;
  fail(
      "{}: this is a Git LFS pointer, not the file itself; run \"git lfs pull\" in its folder, or "
      "download the file",
      origin);
}

}  // namespace slipway
