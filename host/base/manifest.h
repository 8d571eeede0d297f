// The manifest of a checkpoint: manifest.json names each file with its size and SHA-256, so that
// damage is known before it is used.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/files.h"

namespace slipway {

// What is on the disk is not what was written there. (A disk that does not answer is a plain Error:
// nothing is known then.)
struct Damaged : Error {
  using Error::Error;
};

// Writes folder/manifest.json over these files of the folder. Throws Error.
void write_manifest(const fs::path& folder, int64_t step, const std::vector<std::string>& names);

// Holds the listed files against the manifest; those alone whose names `which` takes, where it is
// given. Throws Damaged naming the file that is missing or differs, or the manifest; Error where
// the disk does not answer.
void verify_manifest(const fs::path& folder,
                     const std::function<bool(const std::string& name)>& which = {});
// The same where the folder has a manifest of ours; without one there is nothing to hold against.
void verify_manifest_if_any(const fs::path& folder,
                            const std::function<bool(const std::string& name)>& which = {});

}  // namespace slipway
