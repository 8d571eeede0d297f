// A folder's copy that shares its bytes where it can.
#pragma once
#include "base/files.h"

namespace slipway {

// Makes `to` a copy of the folder `from`, there whole or not at all. Files are hard links where the
// file system gives them, as they are for finished checkpoints, whose files are never written to
// again; else their bytes are copied. Links within are followed. Throws Error, also where there is
// a `to`.
void copy_folder(const fs::path& from, const fs::path& to);

// A copy of the file's first `bytes` bytes. Throws Error.
void copy_file_durably(const fs::path& from, const fs::path& to,
                       size_t bytes = static_cast<size_t>(-1));

}  // namespace slipway
