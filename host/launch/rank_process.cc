// Fork, exec, wait.
#include "launch/rank_process.h"

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/error.h"
#include "base/signal_text.h"

namespace slipway {
namespace {

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> out;
  for (const std::string& each : texts) out.push_back(const_cast<char*>(each.c_str()));
  out.push_back(nullptr);
  return out;
}

// In the child, where other threads' locks may be held for ever: system calls alone.
[[noreturn]] void become(char* const* argv, char* const* envp, const int (&streams)[3],
                         const SignalsBefore& before, int keeper, pid_t parent) {
  const pid_t own = ::getpid();
  ::setpgid(0, 0);
  (void)!::write(keeper, &own, sizeof own);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(1);
  for (int fd = 0; fd < 3; ++fd) ::dup2(streams[fd], fd);
  ::sigaction(SIGPIPE, &before.pipe, nullptr);
  ::pthread_sigmask(SIG_SETMASK, &before.mask, nullptr);
  ::execvpe(argv[0], argv, envp);
  const int reason = errno;
  SignalText words;
  words.add("slipway: cannot start ").add(argv[0]).add(": ").add(::strerrordesc_np(reason));
  words.add("\n").write();
  ::_exit(reason == ENOENT ? 127 : 126);
}

int status_of(pid_t process) {
  int status = 0;
  while (::waitpid(process, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

}  // namespace

pid_t start_rank(const std::vector<std::string>& command,
                 const std::vector<std::string>& environment, const RankStreams& streams,
                 const SignalsBefore& before, const Keeper& keeper) {
  const std::vector<char*> argv = pointers(command), envp = pointers(environment);
  // above the three standard ones, whatever this process was started with
  const Descriptor nothing(
      ::fcntl(Descriptor(open_descriptor("/dev/null", O_RDONLY)).fd, F_DUPFD_CLOEXEC, 3));
  const int own[3] = {nothing.fd, streams.out->fd, streams.err->fd};
  const pid_t parent = ::getpid(), out = ::fork();
  if (out < 0) fail("a process cannot be started: {}", std::strerror(errno));
  if (out == 0) become(argv.data(), envp.data(), own, before, keeper.told_at(), parent);
  ::setpgid(out, out);  // before the first signal, whoever comes first
  return out;
}

pid_t ended_child() {
  siginfo_t info{};
  return ::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 ? info.si_pid : 0;
}

ProcessEnd reap_rank(pid_t process, Keeper& keeper) {
  ::kill(-process, SIGKILL);  // before the group's number is free
  keeper.forget(process);
  const int status = status_of(process);
  if (WIFSIGNALED(status)) return {128 + WTERMSIG(status), WTERMSIG(status)};
  return {WEXITSTATUS(status), 0};
}

void reap_other(pid_t process) { (void)status_of(process); }

}  // namespace slipway
