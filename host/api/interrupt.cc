// Signals.
#include "api/interrupt.h"

#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "base/signal_text.h"
#include "loop/stops_at.h"
#include "plugin/services.h"
#include "plugin/stop.h"
#include "plugin/trampoline.h"

namespace slipway {
namespace {

struct Asking {
  int number;
  const char* name;
  bool may_end;     // the second of these ends the process
  bool may_be_off;  // ignored from the beginning, it stays so
};
constexpr Asking kAsking[] = {{SIGINT, "SIGINT", true, true},
                              {SIGTERM, "SIGTERM", true, false},
                              {SIGHUP, "SIGHUP", false, true},
                              {SIGUSR1, "SIGUSR1", false, false},
                              {SIGUSR2, "SIGUSR2", false, false}};
constexpr int kRequest = SIGUSR1;  // asks a child, and never ends it

std::atomic<int> depth{0}, urgent{0};
std::atomic<bool> speaks{true}, in_terminal{false};
std::atomic<pid_t> child{0};
std::atomic<const char* (*)()> waiting_for{nullptr};
struct sigaction before[std::size(kAsking)];  // what the outermost listening scope replaced
// held back by the mask of its thread, until it listened
bool requests_waited = false;
std::atomic<int> listening{0};
pthread_t listener;  // the thread of that scope, where the words about a call are known
std::atomic<bool> hands_on{false};
// Whoever started this process as a rank ends it by SIGKILL: all else asks, however often.
std::atomic<bool> is_rank{false};

void add_what_is_waited_for(SignalText& words) {
  if (const auto tell = waiting_for.load(); tell != nullptr) {
    if (const char* what = tell(); what != nullptr) words.add(", waiting for ").add(what);
  } else {
    char call[256];
    if (const char* what = call_in_progress(call, sizeof call); what != nullptr)
      words.add(", waiting for ").add(what);
  }
}

[[noreturn]] void end(const Asking& asking) {
  if (const pid_t also = child.load(); also > 0) ::kill(also, SIGKILL);
  if (speaks.load()) {
    SignalText words;
    if (in_terminal.load()) words.add("\n");
    words.add("slipway: ended by a second ").add(asking.name);
    add_what_is_waited_for(words);
    words.add("; what was saved before stays\n").write();
  }
  struct sigaction plain{};
  plain.sa_handler = SIG_DFL;
  ::sigaction(asking.number, &plain, nullptr);
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, asking.number);
  ::pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
  ::raise(asking.number);
  ::_exit(128 + asking.number);
}

void on_signal(int number) {
  const int saved = errno;
  if (hands_on.load() && ::pthread_equal(::pthread_self(), listener) == 0 &&
      ::pthread_kill(listener, number) == 0) {
    errno = saved;
    return;
  }
  const Asking* asking = kAsking;
  while (asking->number != number) ++asking;
  const bool first = !stop_requested(), may_end = asking->may_end && !is_rank.load();
  if (may_end && urgent.fetch_add(1) > 0) end(*asking);
  request_stop();
  if (const pid_t also = child.load(); also > 0) ::kill(also, kRequest);
  if ((first || may_end) && speaks.load()) {
    SignalText words;
    if (in_terminal.load()) words.add("\n");  // below the bar
    words.add("slipway: ").add(asking->name);
    if (first) words.add(": stopping ").add(StopsAt::words());
    else words.add(": stopping already");
    add_what_is_waited_for(words);
    if (may_end)
      words.add(number == SIGINT && in_terminal.load() ? "; press Ctrl-C again to end now"
                                                       : "; signal again to end now");
    words.add("\n").write();
  }
  errno = saved;
}

bool is_ours(const struct sigaction& action) { return action.sa_handler == on_signal; }

void block(bool on, sigset_t& was) {
  sigset_t set;
  ::sigemptyset(&set);
  for (const Asking& each : kAsking) ::sigaddset(&set, each.number);
  if (on) ::pthread_sigmask(SIG_BLOCK, &set, &was);
  else ::pthread_sigmask(SIG_SETMASK, &was, nullptr);
}

// Holds requests back (SIG_BLOCK), as start_child() does until somebody listens, or lets them in
// (SIG_UNBLOCK); whether they were held back.
bool requests(int how) {
  sigset_t set, was;
  ::sigemptyset(&set);
  ::sigaddset(&set, kRequest);
  return ::pthread_sigmask(how, &set, &was) == 0 && ::sigismember(&was, kRequest) == 1;
}

bool lets_all_in() {
  sigset_t blocked;
  return ::pthread_sigmask(SIG_BLOCK, nullptr, &blocked) == 0 &&
         std::ranges::none_of(kAsking, [&](const Asking& each) {
           return ::sigismember(&blocked, each.number) == 1;
         });
}

}  // namespace

StopScope::StopScope(bool listen, bool silent) : listens_(listen) {
  depth.fetch_add(1);
  if (!listens_ || listening.fetch_add(1) > 0) return;
  speaks.store(!silent);
  in_terminal.store(::isatty(STDERR_FILENO) == 1);
  listener = ::pthread_self();
  is_rank.store(std::getenv("LOCAL_RANK") != nullptr);
  struct sigaction action{};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART;
  for (size_t i = 0; i < std::size(kAsking); ++i) {
    ::sigaction(kAsking[i].number, nullptr, &before[i]);
    if (kAsking[i].may_be_off && before[i].sa_handler == SIG_IGN) continue;
    ::sigaction(kAsking[i].number, &action, nullptr);
  }
  requests_waited = requests(SIG_UNBLOCK);
  hands_on.store(lets_all_in());
}

StopScope::~StopScope() {
  if (listens_ && listening.fetch_sub(1) == 1) {
    if (requests_waited) requests(SIG_BLOCK);
    for (size_t i = 0; i < std::size(kAsking); ++i) {
      struct sigaction now{};
      ::sigaction(kAsking[i].number, nullptr, &now);
      if (is_ours(now)) ::sigaction(kAsking[i].number, &before[i], nullptr);
    }
    hands_on.store(false);
  }
  if (depth.fetch_sub(1) > 1) return;
  urgent.store(0);
  withdraw_stop();
}

Forwarding::Forwarding(pid_t number) {
  child.store(number);
  if (stop_requested()) ::kill(number, kRequest);  // it was started while the signal came
}

Forwarding::~Forwarding() { child.store(0); }

pid_t start_child() {
  sigset_t was;
  block(true, was);
  const pid_t parent = ::getpid(), out = ::fork();
  if (out != 0) {
    if (out > 0) child.store(out);  // before a signal is let in
    block(false, was);
    return out;
  }
  for (const Asking& each : kAsking) {
    struct sigaction now{}, plain{};
    plain.sa_handler = SIG_DFL;
    if (::sigaction(each.number, nullptr, &now) == 0 && is_ours(now))
      ::sigaction(each.number, &plain, nullptr);
  }
  // A request that comes before the child listens waits; one that comes when it has ended its run
  // is late, and no reason to die.
  struct sigaction deaf{};
  deaf.sa_handler = SIG_IGN;
  ::sigaction(kRequest, &deaf, nullptr);
  ::sigaddset(&was, kRequest);
  block(false, was);
  // a parent that is killed leaves no trial running: it saves and ends
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (::getppid() != parent) ::_exit(1);
  return 0;
}

void set_waiting_for(const char* (*tell)()) { waiting_for.store(tell); }

}  // namespace slipway
