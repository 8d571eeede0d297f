// What lies at a path, where a path that cannot be followed (a loop of links, no permission) is an
// error with the path's name.
#pragma once
#include "base/files.h"

namespace slipway {

enum class PathKind { kNothing, kFile, kFolder, kOther };

// Links are followed; one that leads nowhere is kNothing. Throws Error naming the path and the
// system's reason.
PathKind kind_of_path(const fs::path& path);

}  // namespace slipway
