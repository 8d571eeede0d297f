// Foreign text on its way to a terminal or a log.
#pragma once
#include <string>
#include <string_view>

namespace slipway {

// The text with every control character shown as an escape (\x1b, \r, \x9b) in place of what it
// would do: moving the cursor, colouring, forging a line. Tabs and line feeds stay; so does
// everything else, malformed UTF-8 included.
std::string visible_text(std::string_view text);
// The same on one line: line feeds and tabs become \n and \t.
std::string visible_line(std::string_view text);

}  // namespace slipway
