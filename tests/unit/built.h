// What was built with a test: plugins, the CUDA module. It lies beside the folder of the test's own
// program, also where both were carried to another machine.
#pragma once
#include "base/files.h"

namespace slipway {

// `name` in the folder that has tests/ of this program.
inline fs::path built(const fs::path& name) {
  return fs::read_symlink("/proc/self/exe").parent_path().parent_path() / name;
}

// A file of the source tree, which is the working folder of tests; a carried test has its copy
// beside itself.
inline fs::path in_the_tree(const fs::path& name) {
  return fs::exists(name) ? fs::absolute(name) : built(name);
}

}  // namespace slipway
