// One owner for a folder: a lock on a file in it that ends with its process, however that ends.
#pragma once
#include <string>

#include "base/files.h"

namespace slipway {

// An advisory lock (flock) on `.slipway-lock`, which names its holder; Linux's NFS passes it on to
// the server. Where a file system has no locks, a warning says so, and a process of this machine
// that the file names and that still runs counts as the holder. Movable, not copyable.
class FolderLock {
 public:
  static constexpr const char* kFile = ".slipway-lock";

  FolderLock() = default;  // nothing is locked
  // Locks `folder`, which exists, for a "run" or a "search". Throws Error naming the process that
  // holds it.
  FolderLock(const fs::path& folder, const char* holder);
  ~FolderLock() { release(); }
  FolderLock(FolderLock&& other) noexcept;
  FolderLock& operator=(FolderLock&& other) noexcept;

  // Gives the lock back and removes its file.
  void release() noexcept;
  // The folder has been renamed.
  void follow(const fs::path& folder) { file_ = folder / kFile; }
  explicit operator bool() const { return fd_ >= 0; }

 private:
  fs::path file_;
  int fd_ = -1;
  int owner_ = 0;  // a child that a plugin forks has a copy of this object, and not the lock's file
};

}  // namespace slipway
