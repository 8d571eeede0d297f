// Looking and putting right.
#include "plugin/process_scope.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <utility>

#include "base/log.h"

namespace slipway {
namespace {

// The kernel's word of it: umask() itself can only be asked by changing it, under the eyes of every
// other thread.
long current_umask() {
  char text[512];
  const int fd = ::open("/proc/self/status", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return -1;
  const ssize_t size = ::read(fd, text, sizeof text - 1);
  ::close(fd);
  text[size > 0 ? size : 0] = '\0';
  const char* at = std::strstr(text, "Umask:");
  return at == nullptr ? -1 : std::strtol(at + 6, nullptr, 8);
}

int open_folder() { return ::open(".", O_PATH | O_DIRECTORY | O_CLOEXEC); }

bool same_folder(int a) {
  struct stat before{}, now{};
  return ::fstat(a, &before) != 0 ||
         (::stat(".", &now) == 0 && before.st_dev == now.st_dev && before.st_ino == now.st_ino);
}

}  // namespace

ProcessScope::ProcessScope(const char* plugin, const char* function)
    : plugin_(plugin), function_(function), folder_(open_folder()), umask_(current_umask()) {}

ProcessScope::~ProcessScope() {
  if (folder_ >= 0) {
    if (!same_folder(folder_) && ::fchdir(folder_) == 0)
      log_warn("plugin {}, {}(): changed the working folder; it is as before again", plugin_,
               function_);
    ::close(folder_);
  }
  if (umask_ < 0 || current_umask() == umask_) return;
  ::umask(static_cast<mode_t>(umask_));
  log_warn("plugin {}, {}(): changed the umask; it is as before again", plugin_, function_);
}

ProcessWatch::ProcessWatch() : folder_(open_folder()), umask_(current_umask()) {}

ProcessWatch::~ProcessWatch() {
  if (folder_ >= 0) ::close(folder_);
}

void ProcessWatch::look(int64_t step) {
  const auto tell = [&](bool& told, const char* what) {
    if (!std::exchange(told, true))
      log_warn("a plugin changed {} in step {}; it is as before again, as after every step", what,
               step);
  };
  if (folder_ >= 0 && !same_folder(folder_) && ::fchdir(folder_) == 0)
    tell(told_folder_, "the working folder");
  const auto wanted = static_cast<mode_t>(umask_);
  if (umask_ >= 0 && ::umask(wanted) != wanted) tell(told_umask_, "the umask");
}

}  // namespace slipway
