// The exchanges of one group that are under way.
#pragma once
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "dist/c10d.h"
#include "dist/heartbeat.h"

namespace slipway {

// What lies between the begin and the end of one exchange.
struct Job {
  int64_t number = 0;  // counted from 1 in each group
  const char* what = "";
  bool is_whole = false;  // what it brings is there
  bool has_arrived = false;
  std::string problem;
  // Once the bytes have arrived: on the queue's thread, job by job in their order.
  std::function<void(const std::shared_ptr<Job>&)> then;
};

// Bytes arrive on threads of the wire; what must be computed of them, and sent on, is done by the
// queue's own thread in the order in which exchanges began, so that every rank sends on in the same
// order.
class ExchangeQueue {
 public:
  // `group` and `ranks`: what the heartbeats call it and who is in it.
  ExchangeQueue(std::shared_ptr<Heartbeat> heartbeat, std::string group, std::vector<int64_t> ranks,
                double limit_seconds);
  ~ExchangeQueue();
  ExchangeQueue(const ExchangeQueue&) = delete;
  ExchangeQueue& operator=(const ExchangeQueue&) = delete;

  // On the loop's thread. Throws RankLost.
  std::shared_ptr<Job> add(const char* what,
                           std::function<void(const std::shared_ptr<Job>&)> then = {});
  // For the wire, once the bytes of the job have arrived; or, `last`, when nothing is left to do.
  Wire::Done arrival(const std::shared_ptr<Job>& job, bool last);
  // From `then`: the job is done.
  void finish(const std::shared_ptr<Job>& job);
  // On the loop's thread. Throws RankLost.
  void wait(const std::shared_ptr<Job>& job);
  // Ends the thread; returns whether nothing was under way.
  bool stop();

 private:
  struct Shared {  // outlives the queue where the wire still calls
    std::mutex mutex;
    std::condition_variable changed;
    int64_t under_way = 0;
  };
  void work();

  std::shared_ptr<Heartbeat> heartbeat_;
  std::string group_;
  std::vector<int64_t> ranks_;
  double limit_seconds_;
  std::shared_ptr<Shared> shared_ = std::make_shared<Shared>();
  int64_t begun_ = 0;
  std::deque<std::shared_ptr<Job>> to_do_;  // under the mutex, as the jobs
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace slipway
