// Appending, and cutting off what was not finished.
#include "base/append_log.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/descriptor.h"
#include "base/error.h"
#include "base/log.h"
#include "base/place.h"

namespace slipway {
namespace {

int64_t size_of(int fd, const fs::path& path) {
  struct stat info{};
  if (::fstat(fd, &info) != 0) fail_errno(path, "cannot read");
  return info.st_size;
}

std::string read_at(int fd, int64_t begin, int64_t end, const fs::path& path) {
  std::string out(static_cast<size_t>(end - begin), '\0');
  for (size_t done = 0; done < out.size();) {
    const ssize_t n =
        ::pread(fd, out.data() + done, out.size() - done, begin + static_cast<int64_t>(done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail_errno(path, "cannot read");
    if (n == 0) fail("{}: was cut while it was read", path.string());
    done += static_cast<size_t>(n);
  }
  return out;
}

// Where the last line ends that ends before `size`; 0 = there is none.
int64_t end_of_lines(int fd, int64_t size, const fs::path& path) {
  constexpr int64_t kPiece = 4096;
  for (int64_t end = size; end > 0;) {
    const int64_t begin = std::max<int64_t>(0, end - kPiece);
    const std::string piece = read_at(fd, begin, end, path);
    if (const size_t at = piece.rfind('\n'); at != std::string::npos)
      return begin + static_cast<int64_t>(at) + 1;
    end = begin;
  }
  return 0;
}

}  // namespace

AppendLog::~AppendLog() {
  if (fd_ >= 0) ::close(fd_);
}

void AppendLog::open() {
  if (fd_ >= 0) {
    if (is_same_file(fd_, path_)) return;
    log_warn("{}: was removed or replaced while it was being written; it is begun again",
             path_.string());
    ::close(std::exchange(fd_, -1));
  }
  const auto try_open = [&] { fd_ = open_descriptor(path_, O_RDWR | O_CREAT | O_APPEND); };
  try_open();
  if (fd_ < 0 && errno == ENOENT && path_.has_parent_path()) {
    create_folder(path_.parent_path());
    try_open();
  }
  if (fd_ < 0) fail_errno(path_, "cannot open");
  named_ = false;
  const ExclusiveLock locked(fd_);
  repair();
}

void AppendLog::repair() {
  const int64_t size = size_of(fd_, path_);
  int64_t end = end_of_lines(fd_, size, path_);
  if (end > 0) {
    const int64_t begin = end_of_lines(fd_, end - 1, path_);
    const std::string last = read_at(fd_, begin, end - 1, path_);
    if (last.find('\0') != std::string::npos || (whole_ && !whole_(last))) end = begin;
  }
  if (end != size && ::ftruncate(fd_, end) != 0) fail_errno(path_, "cannot repair");
}

void AppendLog::append(std::string_view line) {
  open();
  const ExclusiveLock locked(fd_);
  const int64_t before = size_of(fd_, path_);
  std::string text(line);
  text += '\n';
  try {
    write_all(fd_, text, path_);
  } catch (...) {
    [[maybe_unused]] const int cut = ::ftruncate(fd_, before);
    throw;
  }
}

void AppendLog::flush() {
  if (fd_ < 0) {  // written by an earlier process, if at all
    if (path_exists(path_)) flush_to_disk(path_);
    else return;
  } else if (::fsync(fd_) != 0) {
    fail_errno(path_, "cannot flush to disk");
  }
  if (!std::exchange(named_, true))
    flush_to_disk(path_.has_parent_path() ? path_.parent_path() : fs::path("."));
}

int64_t AppendLog::size() const {
  struct stat info{};
  if (::stat(path_.c_str(), &info) == 0) return info.st_size;
  if (errno == ENOENT || errno == ENOTDIR) return 0;
  fail_errno(path_, "cannot read");
}

bool AppendLog::truncate(int64_t bytes) {
  if (bytes < 0 || size() < bytes) return false;
  if (size() == 0) return true;
  const Descriptor file(open_descriptor(path_, O_RDWR));
  if (file.fd < 0) fail_errno(path_, "cannot open");
  const ExclusiveLock locked(file.fd);
  if (bytes > 0 && read_at(file.fd, bytes - 1, bytes, path_) != "\n") return false;
  if (::ftruncate(file.fd, bytes) != 0) fail_errno(path_, "cannot cut");
  if (::fsync(file.fd) != 0) fail_errno(path_, "cannot flush to disk");
  return true;
}

}  // namespace slipway
