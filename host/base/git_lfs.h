// Git LFS pointers: the few lines of text that a clone without Git LFS leaves in place of a large
// file.
#pragma once
#include <string>
#include <string_view>

namespace slipway {

inline constexpr std::string_view kGitLfsPointer =
    "version https://git-lfs.github.com/spec/";  // how each begins

// Throws Error saying what to do when the file `origin`, which begins with `bytes`, is a pointer.
void refuse_git_lfs_pointer(std::string_view bytes, const std::string& origin);

}  // namespace slipway
