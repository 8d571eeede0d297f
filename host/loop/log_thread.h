// Loggers on a thread of their own: the loop hands rows over and never waits for a slow tracker.
#pragma once
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "plugin/logger.h"

namespace slipway {

class LogThread {
 public:
  // `patience`: how long one call of a logger may last once the run has ended.
  explicit LogThread(std::vector<LoggerPlugin> loggers,
                     std::chrono::milliseconds patience = std::chrono::seconds(30));
  ~LogThread();  // ends as failed when end() was not called
  LogThread(const LogThread&) = delete;
  LogThread& operator=(const LogThread&) = delete;

  // Each returns at once. When the queue is full, waiting rows that are passing (progress) are
  // dropped first, then the oldest; the number dropped is told at the end. A logger that fails is
  // warned about once and left out from then on.
  void begin(const std::string& run_id, const Value& config, bool resumed);
  void scalars(int64_t step, std::vector<std::pair<std::string, double>> metrics,
               bool passing = false);
  void text(int64_t step, const std::string& name, const std::string& markdown);
  void table(int64_t step, const std::string& name, SampleTable table);
  void flush();
  // Delivers what waits, ends every logger and joins the thread. A call that outlasts the patience
  // is named and given up, with its thread and what was still to be logged: a tracker that hangs
  // does not keep a finished run.
  void end(slw_status outcome);

 private:
  struct Job {
    std::function<void(const LoggerPlugin&)> run;
    bool passing;
  };
  // What the thread works on; it may outlive this object.
  struct State {
    std::vector<LoggerPlugin> loggers;
    std::vector<bool> failed;
    std::mutex mutex;
    std::condition_variable wake, ended;
    std::deque<Job> queue;
    size_t dropped = 0;
    size_t calls = 0;              // that have returned
    const char* called = nullptr;  // the logger that is being called
    bool closing = false, done = false;
  };
  static void work(State& state);
  static void deliver(State& state, const Job& job);
  void push(Job job, bool drops = true);  // another where the queue is full
  // Whether the thread has come to its end.
  bool wait_for_end();

  std::shared_ptr<State> state_;
  const std::chrono::milliseconds patience_;
  std::thread thread_;
};

}  // namespace slipway
