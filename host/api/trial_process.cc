// Trials as processes.
#include "api/trial_process.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "api/interrupt.h"
#include "base/error.h"
#include "base/program_folder.h"

namespace slipway {
namespace {

// Text in memory that a child reads as a file.
class HandedText {
 public:
  explicit HandedText(std::string_view text) : fd_(::memfd_create("slipway-trial", MFD_CLOEXEC)) {
    if (fd_ < 0) fail("cannot hand a trial its values: {}", std::strerror(errno));
    for (size_t done = 0; done < text.size();) {
      const ssize_t n = ::write(fd_, text.data() + done, text.size() - done);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) fail("cannot hand a trial its values: {}", std::strerror(errno));
      done += static_cast<size_t>(n);
    }
  }
  ~HandedText() {
    if (fd_ >= 0) ::close(fd_);
  }
  HandedText(const HandedText&) = delete;
  HandedText& operator=(const HandedText&) = delete;

  std::string name() const { return fmt::format("/proc/self/fd/{}", fd_); }  // as the child sees it
  void leave_open() const { ::fcntl(fd_, F_SETFD, 0); }                       // in the child

 private:
  int fd_;
};

// Waits without reaping first: until then the number is the child's, and a signal can be passed on to it.
int end_of(pid_t child) {
  {
    const Forwarding forwarding(child);
    siginfo_t info;
    while (::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT) != 0)
      if (errno != EINTR) fail("a trial was lost: {}", std::strerror(errno));
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0)
    if (errno != EINTR) fail("a trial was lost: {}", std::strerror(errno));
  return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

}  // namespace

int run_program(std::vector<std::string> arguments, const std::string& handed) {
  const std::string program = (program_folder() / "slipway-run").string();
  if (!fs::exists(program)) fail("{}: no such program, and every trial needs it; give run_trial, or build the target slipway", program);
  const HandedText text(handed);
  arguments.insert(arguments.begin(), "slipway");
  std::vector<char*> argv;
  for (std::string& each : arguments) {
    if (const size_t at = each.find(kHanded); at != std::string::npos) each.replace(at, std::strlen(kHanded), text.name());
    argv.push_back(each.data());
  }
  argv.push_back(nullptr);
  const pid_t child = start_child();
  if (child < 0) fail("cannot start a trial: {}", std::strerror(errno));
  if (child == 0) {
    text.leave_open();
    ::execv(program.c_str(), argv.data());
    ::_exit(127);
  }
  return end_of(child);
}

}  // namespace slipway
