// Which rank's end is the cause, and which follow from it.
#pragma once
#include <cstdint>
#include <optional>
#include <vector>

#include "launch/rank_process.h"

namespace slipway {

// Signals that ask a process to end.
inline constexpr int kAskingToEnd[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT};

struct RankEnd {
  int64_t rank;
  pid_t process;
  ProcessEnd end;
  bool asked;   // it had been asked to end before
  bool killed;  // and was killed, because it did not
};

class Verdict {
 public:
  void add(const RankEnd& end) { ends_.push_back(end); }

  // The first that failed by itself. One that lost another process (kExitRankLost), was stopped
  // after saving (kExitInterrupted), or ended because it was asked or made to is none.
  std::optional<RankEnd> cause() const;
  // Some rank ended so that the others cannot go on.
  bool failed() const;
  // The launch's exit code: the cause's; where there is none, that a process was lost before that
  // one was ended by a signal, and that before being stopped after saving.
  int code() const;

 private:
  std::vector<RankEnd> ends_;
};

}  // namespace slipway
