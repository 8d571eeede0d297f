// Calls on descriptors.
#include "base/descriptor.h"

#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/error.h"

namespace slipway {

Descriptor::~Descriptor() {
  if (fd >= 0) ::close(fd);
}

int open_descriptor(const fs::path& path, int flags) {
  int fd = -1;
  do fd = ::open(path.c_str(), flags | O_CLOEXEC, 0644);
  while (fd < 0 && errno == EINTR);
  return fd;
}

void fail_errno(const fs::path& path, const char* what) {
  fail("{}: {}: {}", path.string(), what, std::strerror(errno));
}

void write_all(int fd, std::string_view bytes, const fs::path& path) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail_errno(path, "cannot write");
    bytes.remove_prefix(static_cast<size_t>(n));
  }
}

bool is_same_file(int fd, const fs::path& path, int flags) {
  struct stat here{}, there{};
  return ::fstat(fd, &here) == 0 && ::fstatat(AT_FDCWD, path.c_str(), &there, flags) == 0 &&
         here.st_dev == there.st_dev && here.st_ino == there.st_ino;
}

namespace {

int lock(int fd, int operation) {
  int locked = 0;
  do locked = ::flock(fd, operation);
  while (locked != 0 && errno == EINTR);
  return locked == 0 ? 0 : errno;
}

}  // namespace

int try_lock(int fd) { return lock(fd, LOCK_EX | LOCK_NB); }

ExclusiveLock::ExclusiveLock(int fd) : fd_(fd) { (void)lock(fd_, LOCK_EX); }
ExclusiveLock::~ExclusiveLock() { ::flock(fd_, LOCK_UN); }

}  // namespace slipway
