// What the files of a run's data held, for its checkpoints: a resume on other data is noticed.
#pragma once
#include <string>
#include <string_view>

#include "base/files.h"
#include "base/json.h"

namespace slipway {

// {"file", "bytes", "sha256"} of a file whose bytes were read anyway.
Json data_file(const fs::path& file, std::string_view bytes);

// {"file", "bytes", "samples_sha256"} of a file that is never read at once: the hash is of up to 16
// pieces of 64 KiB, spread evenly from its first bytes to its last, so that it costs the same
// however long the file is. A change between the pieces that keeps the size is not seen. Throws
// Error.
Json sampled_data_file(const fs::path& file);

// Whether both records tell of equal files, as far as both know.
bool same_data_file(const Json& before, const Json& now);

// What differs between two records {"data.train": [files], "data.eval": [files], ...}, in words; ""
// when nothing does, or nothing is known of one. Sets that one of them lacks differ; the files'
// paths do not count.
std::string data_difference(const Json& before, const Json& now);

// What it means for a run that goes on: the end of the warning.
inline constexpr const char* kOtherData =
    ": the data differ from those this run began with; the result will not equal an uninterrupted "
    "run's";

}  // namespace slipway
