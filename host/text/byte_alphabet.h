// GPT-2's printable stand-in for every byte: the alphabet in which byte-level vocabularies are
// written.
#pragma once
#include <string>
#include <string_view>

namespace slipway {

// Appends the stand-ins of the bytes to `out`, as UTF-8.
void append_as_alphabet(std::string_view bytes, std::string& out);

// Appends the bytes that a token's text stands for; a token with a character outside the alphabet
// stands for itself.
void append_bytes(std::string_view token, std::string& out);

}  // namespace slipway
