// Requests to stop: by signals, for as long as a run lives, and taken back with it.
#pragma once
#include <sys/types.h>

namespace slipway {

// While one lives a request to stop is its run's; with the outermost one it is taken back, so that
// the next run of the process starts unasked.
//
// With `listen`, these signals ask: SIGINT and SIGTERM; SIGHUP, of a terminal that closes; SIGUSR1
// and SIGUSR2, by which schedulers warn (Slurm's --signal). The first is answered at once, on
// standard error. A second SIGINT or SIGTERM ends the process with a word, as the signal would
// have; the others only ever ask. In a rank (LOCAL_RANK is set) all of them only ask: a scheduler
// and a launcher may both signal it, and whoever wants it gone at once has SIGKILL. Where SIGINT or
// SIGHUP was ignored (nohup, &) it stays so. [main]
class StopScope {
 public:
  // `silent`: somebody else answers, as `slipway search` does for its trials.
  explicit StopScope(bool listen, bool silent = false);
  ~StopScope();
  StopScope(const StopScope&) = delete;
  StopScope& operator=(const StopScope&) = delete;

 private:
  bool listens_;
};

// A process that has to stop when this one is asked to: signals that come while this lives are
// passed on, as one request that never ends it unsaved; what ends this process ends that one too.
// Signals that came before are passed on now. Starts with signals held back: see start_child.
class Forwarding {
 public:
  explicit Forwarding(pid_t child);
  ~Forwarding();
  Forwarding(const Forwarding&) = delete;
  Forwarding& operator=(const Forwarding&) = delete;
};

// fork() for a program that is to get the signals of StopScope as if it had been started by a
// shell. In the child it returns 0, with their dispositions restored; in the parent the child's
// number, or -1. A request of Forwarding waits in the child until a StopScope listens there, and is
// ignored when that one has ended.
pid_t start_child();

// What the process waits for right now, told with the answer to a signal: "plugin org.x, score()";
// nullptr = nothing to name. `tell` is called in a signal handler. By default it is the plugin call
// that the thread of the outermost listening scope is in.
void set_waiting_for(const char* (*tell)());

}  // namespace slipway
