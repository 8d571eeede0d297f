// Why a rank says that it failed.
#pragma once
#include <string>

#include "base/files.h"

namespace slipway {

// What the file at TORCHELASTIC_ERROR_FILE says, on one line and not longer than a screen: torch's
// {"message": {"message": TEXT, ...}} or {"message": TEXT}. "" where there is no such file, or it
// says nothing of the kind.
std::string failure_reason(const fs::path& error_file);

}  // namespace slipway
