// Reads of mapped files that fail. The kernel says so by SIGBUS, which names no file; here the
// process ends with a message that does, and exit code 1. Nothing is read as zero, and no reader
// has to ask.
#pragma once
#include <cstddef>
#include <string>

namespace slipway {

// `path` is mapped at begin[size], until unguard_mapping(begin). [any]. Of more than some thousand
// at a time the rest goes unguarded.
void guard_mapping(const void* begin, size_t size, const std::string& path);
void unguard_mapping(const void* begin);

}  // namespace slipway
