// Text laid out for the width it is read in.
#pragma once
#include <string>
#include <string_view>

namespace slipway {

// Columns of the terminal that `fd` is, between 40 and 120; 100 where it is none.
size_t columns_of(int fd);

// `text` broken between words into lines of at most `columns`; the first begins at column `indent`
// (which is already written), the others are indented to it. Line breaks of the text stay, and
// spaces after them. A longer word stays whole. The last line has no line break.
std::string wrapped(std::string_view text, size_t indent, size_t columns);

}  // namespace slipway
