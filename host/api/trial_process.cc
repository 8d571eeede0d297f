// Trials as processes.
#include "api/trial_process.h"

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "api/interrupt.h"
#include "base/descriptor.h"
#include "base/error.h"
#include "base/program_folder.h"

namespace slipway {
namespace {

// Text in memory that a child reads as a file.
class HandedText {
 public:
  explicit HandedText(std::string_view text) : file_(::memfd_create("slipway-trial", MFD_CLOEXEC)) {
    if (file_.fd < 0) fail("cannot hand a trial its values: {}", std::strerror(errno));
    write_all(file_.fd, text, "a trial's values");
  }

  // as the child sees it
  std::string name() const { return fmt::format("/proc/self/fd/{}", file_.fd); }
  void leave_open() const { ::fcntl(file_.fd, F_SETFD, 0); }  // in the child

 private:
  Descriptor file_;
};

// Waits without reaping first: until then the number is the child's, and a signal can be passed on
// to it.
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
  const std::string program = worker_program().string();
  if (!fs::exists(program))
    fail(
        "{}: no such program, and every trial needs it; give run_trial, or build the target "
        "slipway",
        program);
  const HandedText text(handed);
  arguments.insert(arguments.begin(), "slipway");
  std::vector<char*> argv;
  for (std::string& each : arguments) {
    if (const size_t at = each.find(kHanded); at != std::string::npos)
      each.replace(at, std::strlen(kHanded), text.name());
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
