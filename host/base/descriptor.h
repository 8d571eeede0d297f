// Open files by their descriptors: calls that a signal interrupts are made again.
#pragma once
#include <fcntl.h>

#include <string_view>

#include "base/files.h"

namespace slipway {

// Closed with this object; -1: none.
struct Descriptor {
  explicit Descriptor(int given) : fd(given) {}
  ~Descriptor();
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int fd;
};

// open(2); programs that this one starts do not get it. -1, and errno, where it fails.
int open_descriptor(const fs::path& path, int flags);
// Throws Error "PATH: WHAT: the text of errno".
[[noreturn]] void fail_errno(const fs::path& path, const char* what);
// Throws Error "PATH: cannot write: ...".
void write_all(int fd, std::string_view bytes, const fs::path& path);
// Whether `path` still names the open file. `flags`: AT_SYMLINK_NOFOLLOW, or links are followed.
bool is_same_file(int fd, const fs::path& path, int flags = 0);

// Takes the file's lock where nobody has it: 0, or the reason in errno's numbers (EWOULDBLOCK:
// another descriptor has it; others where a file system knows no locks).
int try_lock(int fd);
// Others who ask for the lock wait while this lives. Where a file system knows no locks there is
// nobody to wait for.
class ExclusiveLock {
 public:
  explicit ExclusiveLock(int fd);
  ~ExclusiveLock();
  ExclusiveLock(const ExclusiveLock&) = delete;
  ExclusiveLock& operator=(const ExclusiveLock&) = delete;

 private:
  int fd_;
};

}  // namespace slipway
