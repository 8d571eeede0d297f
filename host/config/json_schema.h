// The schema of run files as a JSON Schema (draft 2020-12), for editors.
#pragma once
#include "base/json.h"

namespace slipway {

// Every section, key and block with its type, range, choices, default and help, other names among
// them, marked as deprecated. It takes what check_keys() (config/check_keys.h) takes: options of
// plugins are any table.
Json run_file_json_schema();

}  // namespace slipway
