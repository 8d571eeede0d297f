// Watching over the ranks. All of it is done by the main thread, which the ranks' lives hang on.
#include "launch/supervision.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "launch/failure_reason.h"
#include "launch/rank_environment.h"
#include "launch/taken_signals.h"
#include "launch/verdict.h"

namespace slipway {
namespace {

std::string name_of_signal(int number) {
  const char* name = ::sigabbrev_np(number);
  return name == nullptr ? fmt::format("signal {}", number) : fmt::format("SIG{}", name);
}

// "rank 1 (process 4711) failed with exit code 3".
std::string story_of(const RankEnd& each) {
  const std::string who = fmt::format("rank {} (process {})", each.rank, each.process);
  if (each.end.signal == SIGKILL)
    return who + " was killed by SIGKILL (the kernel sends it where memory runs out)";
  if (each.end.signal != 0)
    return fmt::format("{} was ended by {}", who, name_of_signal(each.end.signal));
  if (each.end.code == kExitRankLost)
    return who + " lost another process of the run (exit code 75)";
  if (each.end.code == kExitInterrupted) return who + " was stopped after saving (exit code 85)";
  return fmt::format("{} failed with exit code {}", who, each.end.code);
}

class Supervisor {
 public:
  explicit Supervisor(const LaunchPlan& plan)
      : plan_(plan), keeper_(folder_), output_(plan.log_dir) {}

  int run() {
    for (int64_t number = 0;; ++number) {
      life_ = new_life(plan_, number);
      begin();
      while (!running_.empty()) watch();
      if (stops_) begin_grace();  // for a reader that does not read
      const bool written = output_.drain(signals_.asking(), deadline_);
      take_what_came();
      const int code = interrupts_ > 1 ? 128 + SIGINT : verdict_.code();
      const bool may_help = code != kExitOk && code != kExitUsage && code != kExitInterrupted;
      if (stops_ || !may_help || number == plan_.restarts) return end(code, written);
      output_.say(fmt::format("all ranks are started again ({} of {} restarts)", number + 1,
                              plan_.restarts));
    }
  }

 private:
  struct Running {
    int64_t rank, local;
    pid_t process;
    bool killed = false;
  };

  void begin() {
    verdict_ = Verdict();
    asked_ = told_of_cause_ = first_is_done_ = false;
    deadline_.reset();
    try {
      for (int64_t local = 0; local < plan_.ranks; ++local) {
        const int64_t rank = plan_.rank_of(local);
        const RankStreams streams = output_.open(rank);
        running_.push_back(
            {rank, local,
             start_rank(plan_.command, rank_environment(plan_, life_, local, folder_.path()),
                        streams, signals_.before(), keeper_)});
      }
    } catch (...) {
      kill_rest();
      while (!running_.empty()) watch();
      output_.drain(signals_.asking());
      throw;
    }
  }

  int end(int code, bool written) {
    if (written) return code;
    folder_.remove();  // nobody reads, and the thread that writes would be waited for
    ::_exit(code);
  }

  void watch() {
    const std::optional<int> number = signals_.next(deadline_);
    if (!number) return past_deadline();
    if (*number == SIGCHLD) return reap();
    on_signal(*number);
  }

  void take_what_came() {
    while (const auto number = signals_.next(LaunchClock::now())) on_signal(*number);
  }

  void on_signal(int number) {
    switch (number) {
      case SIGCHLD:
        return;
      case SIGUSR1:
      case SIGUSR2:
        return send(number);
      case SIGWINCH:
        output_.resize();
        return send(number);
      case SIGTSTP:
        send(SIGSTOP);
        ::kill(::getpid(), SIGSTOP);
        return send(SIGCONT);
      default:
        return stop(number);
    }
  }

  void stop(int number) {
    const bool first = !std::exchange(stops_, true);
    if (number == SIGINT && ++interrupts_ > 1) {
      output_.say("a second SIGINT: the ranks are killed");
      return kill_rest();
    }
    // A second request would end a rank that is saving.
    const bool passes = !asked_;
    if (passes) ask(number);
    // A person who presses Ctrl-C can do so again; others count on an end.
    if (number != SIGINT) begin_grace();
    if (!first || running_.empty()) return;
    output_.say(fmt::format("{} {} {}; {}", name_of_signal(number),
                            passes ? "is passed on to" : "finds an end under way of", ranks(),
                            number == SIGINT
                                ? "a second one kills what is left"
                                : fmt::format("what is left after {:g} s is killed", plan_.grace)));
  }

  std::string ranks() const {
    return plan_.ranks == 1 ? "the rank" : fmt::format("{} ranks", plan_.ranks);
  }

  void ask(int number) {
    asked_ = true;
    send(number);
  }

  void send(int number) {
    for (const Running& each : running_) ::kill(-each.process, number);
  }

  void begin_grace() {
    if (!deadline_)
      deadline_ = LaunchClock::now() + std::chrono::duration_cast<LaunchClock::duration>(
                                           std::chrono::duration<double>(plan_.grace));
  }

  void past_deadline() {
    for (const Running& each : running_)
      output_.say(fmt::format(
          "rank {} (process {}) has not ended in {:g} s{}, and is killed", each.rank, each.process,
          plan_.grace,
          first_is_done_ ? fmt::format(" after rank {} had done its work", plan_.rank_of(0)) : ""));
    kill_rest();
    deadline_.reset();
  }

  void kill_rest() {
    send(SIGKILL);
    for (Running& each : running_) each.killed = true;
  }

  void reap() {
    std::vector<RankEnd> ended;
    while (const pid_t process = ended_child()) {
      const auto rank = std::ranges::find(running_, process, &Running::process);
      if (rank == running_.end()) {
        reap_other(process);
        continue;
      }
      ended.push_back({rank->rank, process, reap_rank(process, keeper_), asked_, rank->killed});
      running_.erase(rank);
    }
    for (const RankEnd& each : ended) verdict_.add(each);
    if (!ended.empty()) judge(ended);
    if (plan_.ends_together && !asked_ && !running_.empty() &&
        std::ranges::any_of(ended, [&](const RankEnd& each) {
          return each.rank == plan_.rank_of(0) && each.end.code == kExitOk;
        })) {
      first_is_done_ = true;
      begin_grace();
    }
  }

  // One rank's end is every rank's, but where it had done its work.
  void judge(const std::vector<RankEnd>& ended) {
    const auto bad = std::ranges::find_if(
        ended, [](const RankEnd& each) { return each.end.code != kExitOk && !each.killed; });
    const bool begins = bad != ended.end() && !asked_;
    std::string story;
    if (const auto cause = verdict_.cause(); cause && !told_of_cause_) {
      told_of_cause_ = true;
      story = story_of(*cause) + reason_of(cause->rank);
    } else if (begins) {
      story = story_of(*bad) + reason_of(bad->rank);
    }
    if (begins && !running_.empty())
      story += fmt::format("; the other ranks are asked to end, and have {:g} s", plan_.grace);
    if (!story.empty()) output_.say(story);
    if (begins) ask(SIGTERM);
    if (asked_ && !running_.empty()) begin_grace();
  }

  std::string reason_of(int64_t rank) const {
    const std::string reason =
        failure_reason(error_file(folder_.path(), life_, rank - plan_.rank_of(0)));
    return reason.empty() ? "" : ": " + reason;
  }

  const LaunchPlan& plan_;
  TakenSignals signals_;
  PrivateFolder folder_;
  Keeper keeper_;
  RankOutput output_;
  Life life_;
  std::vector<Running> running_;
  Verdict verdict_;
  bool asked_ = false;          // the ranks of this life were
  bool told_of_cause_ = false;  // of this life
  bool first_is_done_ = false;  // the first rank of this machine had done its work, unasked
  std::optional<LaunchClock::time_point> deadline_;
  bool stops_ = false;  // by a signal to this process
  int interrupts_ = 0;
};

}  // namespace

int run_ranks(const LaunchPlan& plan) {
  // Standard streams that are closed would be pipes of ours.
  for (int fd = 0; fd >= 0 && fd <= STDERR_FILENO;) fd = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  return Supervisor(plan).run();
}

}  // namespace slipway
