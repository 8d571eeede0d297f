// Text from a file that goes into a message: a name that is a hundred megabytes long must not make
// a message of that length.
#pragma once
#include <string>
#include <string_view>

namespace slipway {

// `text`, or where it is longer than `limit` bytes its beginning, cut between characters, and how
// long it is.
std::string excerpt(std::string_view text, size_t limit = 120);

}  // namespace slipway
