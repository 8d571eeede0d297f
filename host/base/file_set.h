// Files that belong together in a folder that holds other things too: a model in a run folder.
// After a crash the folder has all of the old ones or all of the new, for this program at once and
// for others as soon as finish_file_set() has run; until then others find no `last` file, and take
// nothing for a model that is half of each.
#pragma once
#include <string>
#include <vector>

#include "base/files.h"

namespace slipway {

class FileSet {
 public:
  // For files of `folder`, which is made where it is missing; what an earlier set did not finish is
  // finished first. Throws Error.
  explicit FileSet(const fs::path& folder);
  ~FileSet();  // without place() nothing has changed
  FileSet(const FileSet&) = delete;
  FileSet& operator=(const FileSet&) = delete;

  // Where to write the new files: durably, plain names.
  const fs::path& part() const { return part_; }
  // Puts them in `folder`, and removes `obsolete`, names of the old set that are not in the new
  // one. `last` is the name of the file without which nobody takes the folder for whole. Files that
  // are there already, byte for byte, stay. Throws Error.
  void place(std::vector<std::string> obsolete, const std::string& last);

 private:
  fs::path folder_, part_;
};

// Completes the placing that a crash interrupted in `folder`; waits for one that is under way.
// Nothing to do: one look. Throws Error.
void finish_file_set(const fs::path& folder);

}  // namespace slipway
