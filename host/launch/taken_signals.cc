// sigtimedwait.
#include "launch/taken_signals.h"

#include <algorithm>
#include <cerrno>

#include "launch/verdict.h"

namespace slipway {
namespace {

bool is_ignored(int number) {
  struct sigaction now{};
  return ::sigaction(number, nullptr, &now) == 0 && now.sa_handler == SIG_IGN;
}

}  // namespace

TakenSignals::TakenSignals() {
  struct sigaction plain{}, ignored{};
  plain.sa_handler = SIG_DFL;
  ignored.sa_handler = SIG_IGN;
  ::sigaction(SIGCHLD, &plain, nullptr);  // ignored, it would take the ranks' ends away
  ::sigaction(SIGPIPE, &ignored, &before_.pipe);
  ::sigemptyset(&taken_);
  ::sigemptyset(&asking_);
  for (const int number : {SIGCHLD, SIGUSR1, SIGUSR2, SIGTSTP, SIGWINCH})
    if (!is_ignored(number)) ::sigaddset(&taken_, number);
  for (const int number : kAskingToEnd)
    if (!is_ignored(number)) {
      ::sigaddset(&taken_, number);
      ::sigaddset(&asking_, number);
    }
  ::pthread_sigmask(SIG_BLOCK, &taken_, &before_.mask);
}

std::optional<int> TakenSignals::next(std::optional<LaunchClock::time_point> until) const {
  for (;;) {
    int number = 0;
    if (!until) {
      number = ::sigwaitinfo(&taken_, nullptr);
    } else {
      const auto left = std::chrono::duration_cast<std::chrono::nanoseconds>(
          std::max(*until - LaunchClock::now(), LaunchClock::duration(0)));
      const timespec time{static_cast<time_t>(left.count() / 1'000'000'000),
                          static_cast<long>(left.count() % 1'000'000'000)};
      number = ::sigtimedwait(&taken_, nullptr, &time);
    }
    if (number > 0) return number;
    if (errno == EAGAIN) return std::nullopt;
  }
}

}  // namespace slipway
