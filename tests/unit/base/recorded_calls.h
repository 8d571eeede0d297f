// What the code under test asks of the disk, in order, and calls that fail as a bad disk's do. The
// test program's own fsync(), rename(), ... stand before the C library's and hand on to the kernel.
#pragma once
#include <string>
#include <vector>

#include "base/files.h"
#include "base/log.h"

namespace slipway {

// Warnings are not printed while it lives: a dying process has many about what it could not remove.
struct WithoutWarnings {
  WithoutWarnings() { set_log_level(LogLevel::kError); }
  ~WithoutWarnings() { set_log_level(before); }
  WithoutWarnings(const WithoutWarnings&) = delete;
  WithoutWarnings& operator=(const WithoutWarnings&) = delete;
  const LogLevel before = log_level();
};

class RecordedCalls {
 public:
  // Calls on files in or below `root` are recorded from here on until the object ends; one at a
  // time.
  explicit RecordedCalls(const fs::path& root);
  ~RecordedCalls();
  RecordedCalls(const RecordedCalls&) = delete;
  RecordedCalls& operator=(const RecordedCalls&) = delete;

  // "write a", "fsync a", "fsync ." (the root), "rename a -> b", "exchange a <-> b", "unlink a",
  // "rmdir a", "mkdir a", "ftruncate a". Writes that follow each other are one.
  std::vector<std::string> calls() const;
  // Such a call fails from now on with this errno: "fsync a"; "unlink" alone: every one.
  void fail(const std::string& call, int error);
  // After so many calls every further one fails: what the disk holds then is what a process leaves
  // that is killed at that call.
  void die_after(size_t calls);
  bool died() const;  // such a call came
};

}  // namespace slipway
