// Why a process ended, where torchrun reads it.
#include "dist/error_file.h"

#include <exception>

#include "base/json_text.h"
#include "base/log.h"

namespace slipway {

void write_error_file(const fs::path& file, std::string_view message,
                      int64_t unix_seconds) noexcept {
  if (file.empty()) return;
  try {
    // torchrun reads the timestamp as a text.
    const Json extra = {{"timestamp", std::to_string(unix_seconds)},
                        {"py_callstack", "none: this program is not Python"}};
    const Json error = {{"message", {{"message", message}, {"extraInfo", extra}}}};
    write_file_durably(file, json_text(error));
  } catch (const std::exception& problem) {
    log_warn("why this process ends is not told to torchrun: {}", problem.what());
  }
}

}  // namespace slipway
