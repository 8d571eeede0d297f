// Ranks of a test, as processes of rank_program.
#pragma once
#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace slipway {

struct Ended {
  bool in_time = false;  // else it was killed by the test
  int code = -1;         // -1: by a signal
  int signal = 0;
  std::string output, errors;
  double seconds = 0;  // from the start of wait() to its end
};

class Processes {
 public:
  using Variables = std::map<std::string, std::string>;

  // Starts `world` ranks of a scenario on one machine, at a port that is free. `of_rank`: more
  // variables of one rank.
  Processes(std::vector<std::string> arguments, int64_t world, const Variables& of_all = {},
            const std::map<int64_t, Variables>& of_rank = {});
  ~Processes();  // kills what is left
  Processes(const Processes&) = delete;
  Processes& operator=(const Processes&) = delete;

  int64_t port() const { return port_; }
  pid_t pid(int64_t rank) const { return pids_[static_cast<size_t>(rank)]; }
  void signal(int64_t rank, int number);
  // Returns once the rank has printed the text; false where it has not within the limit.
  bool wait_for_output(int64_t rank, const std::string& text, double limit_seconds);
  // Whether the rank's process has ended; wait() still tells how.
  bool has_ended(int64_t rank) const;
  // Waits until the ranks have ended, and kills what has not within the limit; rank `stopped`,
  // which will not end by itself, once all others have.
  std::vector<Ended> wait(double limit_seconds, int64_t stopped = -1);

 private:
  std::string output_file(int64_t rank, const char* stream) const;

  std::string folder_;
  int64_t port_ = 0;
  std::vector<pid_t> pids_;
};

}  // namespace slipway
