// Metaspace: words that carry the space before them as a mark, as SentencePiece writes it.
#pragma once
#include <string>

#include "base/json.h"

namespace slipway {

// SentencePiece's mark, U+2581, which stands for a space.
constexpr const char* kSpaceMark = "\u2581";

// Where a mark is put before a text that has none: "first" (of the whole text alone), "always" or
// "never". Throws Error naming `origin`, also where an older file's "add_prefix_space" contradicts.
std::string metaspace_scheme(const Json& description, const std::string& origin);

// The mark, kSpaceMark where none is said. Throws Error naming `origin` where it is not one
// character.
std::string metaspace_mark(const Json& description, const std::string& origin);

}  // namespace slipway
