// Locks of folders.
#include "base/folder_lock.h"

#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

#include "base/descriptor.h"
#include "base/error.h"
#include "base/json.h"
#include "base/log.h"

namespace slipway {
namespace {

std::string machine_name() {
  char name[256] = "";
  ::gethostname(name, sizeof name - 1);
  return name;
}

// When the process began, in the kernel's ticks: a number that is used again is another process. 0
// = there is no such process.
int64_t began(int64_t process) {
  std::string text;
  try {
    text = read_file(fmt::format("/proc/{}/stat", process));
  } catch (const Error&) {
    return 0;
  }
  size_t at = text.rfind(')');  // the name before it may hold anything
  for (int field = 2; field < 22 && at != std::string::npos; ++field) at = text.find(' ', at + 1);
  return at == std::string::npos ? 0 : std::strtoll(text.c_str() + at, nullptr, 10);
}

struct Holder {
  std::string what, machine;
  int64_t process = 0, began = 0;

  bool is_here() const { return machine == machine_name(); }
  bool runs() const {
    return is_here() && process > 0 && slipway::began(process) == began && began != 0;
  }
};

std::string text_of(const Holder& h) {
  return Json{
             {"holder", h.what}, {"process", h.process}, {"machine", h.machine}, {"began", h.began}}
             .dump() +
         "\n";
}

// Who the file says holds the lock; nobody in a file that is just being written.
Holder holder_in(int fd) {
  char text[1024];
  const ssize_t n = ::pread(fd, text, sizeof text, 0);
  const Json json = Json::parse(
      std::string_view(text, static_cast<size_t>(std::max<ssize_t>(0, n))), nullptr, false);
  try {
    return {json.at("holder").get<std::string>(), json.at("machine").get<std::string>(),
            json.at("process").get<int64_t>(), json.at("began").get<int64_t>()};
  } catch (const Json::exception&) {
    return {};
  }
}

[[noreturn]] void refuse(const fs::path& folder, const Holder& h) {
  const std::string name = folder.string();
  if (h.process == 0) fail("{}: another process is writing there", name);
  const std::string whose =
      fmt::format("a {} of process {}{}", h.what, h.process, h.is_here() ? "" : " on " + h.machine);
  if (h.is_here() && !h.runs())
    fail(
        "{}: {} has ended, but a process that it started is still there and holds {}; end that "
        "process (fuser shows it), then start again",
        name, whose, FolderLock::kFile);
  fail("{}: {} is writing there; let it end or stop it, or name another folder in run.output_dir",
       name, whose);
}

// True: the lock is ours; false: the file system has none. Throws Error naming who holds it.
bool lock(int fd, const fs::path& folder) {
  const int reason = try_lock(fd);
  if (reason == 0) return true;
  if (reason == EWOULDBLOCK || reason == EACCES) refuse(folder, holder_in(fd));
  if (const Holder holder = holder_in(fd); holder.runs()) refuse(folder, holder);
  log_warn(
      "{}: its file system has no locks ({}): nothing keeps another machine's run out of the "
      "folder",
      folder.string(), std::strerror(reason));
  return false;
}

}  // namespace

FolderLock::FolderLock(const fs::path& folder, const char* holder)
    : file_(folder / kFile), owner_(::getpid()) {
  for (;;) {
    fd_ = open_descriptor(file_, O_RDWR | O_CREAT | O_NOFOLLOW);
    if (fd_ < 0) fail("{}: cannot be written to: {}", folder.string(), std::strerror(errno));
    try {
      lock(fd_, folder);
    } catch (...) {
      ::close(std::exchange(fd_, -1));
      throw;
    }
    if (is_same_file(fd_, file_)) break;
    // its last holder removed it meanwhile, or the folder was moved aside
    ::close(std::exchange(fd_, -1));
  }
  const std::string text = text_of({holder, machine_name(), owner_, began(owner_)});
  const bool written = ::ftruncate(fd_, 0) == 0 && ::pwrite(fd_, text.data(), text.size(), 0) ==
                                                       static_cast<ssize_t>(text.size());
  if (written) return;
  const int reason = errno;
  release();
  fail("{}: cannot be written to: {}", folder.string(), std::strerror(reason));
}

FolderLock::FolderLock(FolderLock&& other) noexcept
    : file_(std::move(other.file_)), fd_(std::exchange(other.fd_, -1)), owner_(other.owner_) {}

FolderLock& FolderLock::operator=(FolderLock&& other) noexcept {
  std::swap(file_, other.file_);
  std::swap(fd_, other.fd_);
  std::swap(owner_, other.owner_);
  return *this;
}

void FolderLock::release() noexcept {
  if (fd_ < 0) return;
  // While it is locked: whoever opened it meanwhile finds that the name is gone, and makes a new
  // one.
  if (::getpid() == owner_ && is_same_file(fd_, file_)) ::unlink(file_.c_str());
  ::close(std::exchange(fd_, -1));
}

}  // namespace slipway
