// The keeper's process.
#include "launch/keeper.h"

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <set>

#include "base/error.h"

namespace slipway {
namespace {

// What a terminal or a scheduler sends to all: the keeper ends when its launch does.
void keep_on() {
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGTSTP})
    ::signal(number, SIG_IGN);
}

// Numbers that come through `from`: a group's, and 0 minus it once it is gone.
[[noreturn]] void keep(int given, PrivateFolder& folder) {
  keep_on();
  ::setsid();
  ::prctl(PR_SET_NAME, "slipway-keeper");
  // Nothing else stays open: neither what the ranks are heard by, nor what somebody else reads.
  constexpr int from = 0;
  ::dup2(given, from);
  ::close_range(from + 1, ~0U, 0);
  std::set<pid_t> groups;
  for (pid_t told = 0;;) {
    const ssize_t n = ::read(from, &told, sizeof told);
    if (n < 0 && errno == EINTR) continue;
    if (n != sizeof told) break;
    if (told > 0) groups.insert(told);
    else groups.erase(-told);
  }
  for (const pid_t group : groups) ::kill(-group, SIGKILL);
  folder.remove();
  ::_exit(0);
}

}  // namespace

Keeper::Keeper(PrivateFolder& folder) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) fail("no pipe for the keeper: {}", std::strerror(errno));
  const Descriptor from(ends[0]);
  told_ = std::make_unique<Descriptor>(ends[1]);
  process_ = ::fork();
  if (process_ < 0) fail("the keeper cannot be started: {}", std::strerror(errno));
  if (process_ > 0) return;
  keep(ends[0], folder);
}

Keeper::~Keeper() {
  told_.reset();
  while (::waitpid(process_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

void Keeper::forget(pid_t group) {
  const pid_t told = -group;
  (void)!::write(told_->fd, &told, sizeof told);
}

}  // namespace slipway
