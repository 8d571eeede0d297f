// What all ranks print, on its way to this process's own streams and to the files of --log-dir.
#pragma once
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/descriptor.h"
#include "launch/screen.h"

namespace slipway {

// The ends that a rank writes to: its standard output and error. Closed with this object.
struct RankStreams {
  std::unique_ptr<Descriptor> out, err;
};

// Every line of rank k is "[k] " and the line, whole, on the stream of its kind. Where that stream
// of this process is a terminal, rank 0 has a terminal there, too, without a prefix: its progress
// bar is the one bar. A thread of its own writes, so that a reader who does not read keeps nobody
// from watching over the ranks. Its functions are called by one other thread.
class RankOutput {
 public:
  // `log_dir`: each rank's lines go to its files rank-K.out and rank-K.err, too, after what is
  // there; "" = none. Throws Error.
  explicit RankOutput(fs::path log_dir);
  ~RankOutput();
  RankOutput(const RankOutput&) = delete;
  RankOutput& operator=(const RankOutput&) = delete;

  // The streams of a rank that is about to be started. Throws Error.
  RankStreams open(int64_t rank);
  // "slipway: TEXT" on standard error, after what was printed before.
  void say(const std::string& text);
  // The terminal has another size.
  void resize();
  // The ranks have ended. Returns once all that they printed is written: true; or false where that
  // lasts, because nobody reads, and it is `until`, or a signal of `giving_up` is pending for this
  // thread. Streams that a stray process holds open are not waited for longer than a second.
  bool drain(const sigset_t& giving_up,
             std::optional<std::chrono::steady_clock::time_point> until = {});

 private:
  struct Stream;

  void serve();
  bool read_streams(int timeout);
  void wake();

  fs::path log_dir_;
  bool one_terminal_;
  Screen out_, err_;
  Descriptor woken_;
  std::mutex mutex_;  // of what follows
  std::condition_variable changed_;
  std::vector<std::unique_ptr<Stream>> added_;
  std::vector<std::string> said_;
  bool draining_ = false, ending_ = false;
  // the thread's own
  std::vector<std::unique_ptr<Stream>> streams_;
  std::thread thread_;
};

}  // namespace slipway
