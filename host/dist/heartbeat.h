// Who of the group is alive: each rank tells the store what it does, and reads what the others do.
#pragma once
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "dist/assembly.h"
#include "dist/join_settings.h"
#include "dist/judge.h"
#include "dist/key_store.h"
#include "dist/rank_lost.h"

namespace slipway {

// Two threads of this process: one speaks with the store, and may be held up by it; one looks at
// the first and at the loop. All ranks end by one verdict, that of the first that comes to one: it
// lies in the store. Functions are for any thread unless they say otherwise.
class Heartbeat : public std::enable_shared_from_this<Heartbeat> {
 public:
  struct Store {
    std::unique_ptr<KeyStore> connection;  // for the first thread alone
    std::string where;                     // "127.0.0.1:29500"
    bool is_own = false;                   // this process keeps it: it ends after the others
    bool is_rank_0 = true;                 // else the launcher does
  };
  static std::shared_ptr<Heartbeat> start(Store store, const Assembly& assembly, int64_t rank,
                                          const JoinSettings& settings);
  // What is there before the first: its count is 0.
  static std::string first_beat();

  // Tells the others that this rank is done, or why it failed (a text that is not empty), and ends
  // the threads. Where this process keeps the store it waits until the others have ended, too; for
  // a rank that failed, or after a verdict, a second at most. Once.
  void end(const std::string& failure = {});

  // What the loop does from now on; a literal.
  void doing(const char* what, int64_t step);
  // A group that this rank is in began its exchange `number`.
  void begun(const std::string& group, int64_t number);
  // The loop's thread waits for an exchange from now on; until goes_on().
  void waits(WaitedExchange exchange);
  void goes_on();
  // The same of what this rank's device waits for.
  void device_waits(WaitedExchange exchange);
  void device_goes_on();

  bool is_lost() const { return lost_.load(); }
  // Throws RankLost with the group's verdict once there is one: the loop's thread has heard of it.
  void check();
  // The exchange that the loop waits for took too long: ends the group by a verdict that names who
  // is missing. Throws RankLost.
  [[noreturn]] void give_up(double seconds);
  // The same of what its device waits for, from another thread than the loop's: throws nothing.
  void give_up_on_device(double seconds);
  // What was exchanged broke by an error of the connection: waits for the verdict on whom it broke
  // by, at most for the limit of the heartbeats, and throws RankLost.
  [[noreturn]] void broke(const std::string& what, const std::string& problem);

  Heartbeat(Store store, const Assembly& assembly, int64_t rank, const JoinSettings& settings);
  Heartbeat(const Heartbeat&) = delete;
  Heartbeat& operator=(const Heartbeat&) = delete;

 private:
  using Clock = std::chrono::steady_clock;
  struct Waiting {
    WaitedExchange exchange;  // its number is 0 where nothing is waited for
    Clock::time_point since;
    double next_warning = 0;
  };

  void speak();
  void look();
  void round();
  Beat own_beat();
  void read(const std::vector<std::string>& values);
  void waits(Waiting& of, WaitedExchange exchange);
  const Waiting* waiting() const;  // under the mutex; nullptr where nothing is waited for
  void warn_of_slow_ranks();
  std::string delay_text(const Waiting& of, double seconds) const;  // under the mutex
  void adopt(const std::string& verdict);                           // under the mutex
  void propose(const std::string& verdict);
  [[noreturn]] void conclude(const std::string& verdict);
  std::string silence_of_store(const std::string& why) const;  // under the mutex
  void hurry();                                                // under the mutex
  void say_once();                                             // under the mutex
  void let_others_hear(std::unique_lock<std::mutex>& lock);
  [[noreturn]] void end_process();

  const std::string session_;
  const std::vector<Member> members_;
  const int64_t rank_;
  const JoinSettings settings_;
  const double interval_;
  const std::string space_;
  Store store_;

  std::atomic<bool> lost_{false};
  std::mutex mutex_;
  std::condition_variable changed_;
  Judge judge_;
  Beat own_;
  const char* doing_ = "starting";
  Waiting loop_, device_;
  std::string verdict_, own_verdict_;  // the group's; what this rank has concluded
  Clock::time_point lost_at_, round_at_;
  double silence_ = 0;  // of the store, in seconds
  int64_t rounds_ = 0;  // that came to their end
  int hurry_ = 0;       // rounds that follow each other at once
  bool heard_by_loop_ = false, is_said_ = false, stop_ = false, speech_ended_ = false,
       store_is_silent_ = false;
  std::thread speaker_, looker_;
};

}  // namespace slipway
