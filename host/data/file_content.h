// What a data file is, told by its name and its first bytes: rows are read from text alone, and a
// file of another format is refused rather than taken for text.
#pragma once
#include <string>
#include <string_view>

#include "base/files.h"

namespace slipway {

// ".jsonl" of "A.JSONL".
std::string extension_of(const fs::path& file);

// Why a file of this name holds no rows that can be read, and what to do: "is compressed; ..."; ""
// when it may hold some.
std::string_view fault_of_name(const fs::path& file);

// Throws Error when a file that begins with these bytes is no text in UTF-8: compressed, a table in
// binary, UTF-16, a Git LFS pointer.
void check_first_bytes(const fs::path& file, std::string_view bytes);
constexpr size_t kFirstBytes = 64;  // as many as it looks at

}  // namespace slipway
