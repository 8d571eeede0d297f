// JSON of data files: read more strictly than configuration, because a row that is misread is
// trained on.
#pragma once
#include <string>
#include <string_view>

#include "base/json.h"

namespace slipway {

// Throws Error "origin:line: ..." on malformed text, on a key that occurs twice in one object, and
// on an object of more than 10,000 keys (Json goes through them to find one). Messages stay short
// however long a key is.
Json parse_row_json(std::string_view text, const std::string& origin, int first_line = 1);

// Whether the text is one JSON object and nothing else.
bool is_json_object(std::string_view text);

// A name out of a file as messages show it: quoted, escaped, cut.
std::string shown(std::string_view name);

}  // namespace slipway
