// Why a process ended, where torchrun reads it.
#pragma once
#include <cstdint>
#include <string_view>

#include "base/files.h"

namespace slipway {

// Writes `message` to the file that torchrun names in TORCHELASTIC_ERROR_FILE (Place::error_file),
// in the form of its own error handler: {"message": {"message", "extraInfo": {"timestamp",
// "py_callstack"}}}. Of the processes that failed, torchrun names as the root cause the one with
// the lowest timestamp. `unix_seconds`: when it happened. An empty path: nothing. What cannot be
// written is a warning: the process ends for another reason already.
void write_error_file(const fs::path& file, std::string_view message,
                      int64_t unix_seconds) noexcept;

}  // namespace slipway
