// A rank as a process.
#pragma once
#include <sys/types.h>

#include <csignal>

#include "launch/keeper.h"
#include "launch/rank_output.h"

namespace slipway {

// How signals stood before this process took them: what a rank starts with.
struct SignalsBefore {
  sigset_t mask;
  struct sigaction pipe;  // SIGPIPE's
};

// Starts `command` with `environment` ("KEY=VALUE"), nothing to read on standard input, and
// `streams`, in a process group of its own. It is killed when this process's main thread ends,
// which is who calls. What cannot be started says so on its standard error and ends with 127, or,
// where it may not be started, 126. Throws Error where there can be no process.
pid_t start_rank(const std::vector<std::string>& command,
                 const std::vector<std::string>& environment, const RankStreams& streams,
                 const SignalsBefore& before, const Keeper& keeper);

struct ProcessEnd {
  int code;    // as a shell tells it: 128 + n for signal n
  int signal;  // 0: it ended by itself
};
// A child that has ended, still there to be asked about; 0: there is none. Not a rank in every
// case: the first process of a container inherits what others leave behind.
pid_t ended_child();
// How it ended. Its number is free then. What a rank started and left in its process group is
// killed with it.
ProcessEnd reap_rank(pid_t process, Keeper& keeper);
void reap_other(pid_t process);

}  // namespace slipway
