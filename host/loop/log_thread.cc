// The log thread.
#include "loop/log_thread.h"

#include <algorithm>
#include <chrono>

#include "base/error.h"
#include "base/log.h"
#include "base/trace.h"

namespace slipway {
namespace {

constexpr size_t kQueueLimit = 1024;

double now() { return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count(); }

// Loggers see the configuration without its secrets.
Value masked(const Value& value) {
  Value out = value;
  if (!out.secret.empty()) out = Value::of(out.secret);
  for (Value& item : out.items) item = masked(item);
  for (auto& [name, item] : out.table) item = masked(item);
  return out;
}

}  // namespace

LogThread::LogThread(std::vector<LoggerPlugin> loggers) : loggers_(std::move(loggers)), failed_(loggers_.size(), false) {
  if (!loggers_.empty())
    thread_ = std::thread([this] {
      trace_thread_name("loggers");
      loop();
    });
}

LogThread::~LogThread() { end(SLW_ABORTED); }

void LogThread::push(Job job) {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    if (queue_.size() >= kQueueLimit) {
      const auto passing = std::ranges::find_if(queue_, &Job::passing);
      queue_.erase(passing != queue_.end() ? passing : queue_.begin());
      ++dropped_;
    }
    queue_.push_back(std::move(job));
  }
  wake_.notify_one();
}

void LogThread::loop() {
  for (;;) {
    Job job;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [&] { return !queue_.empty() || closing_; });
      if (queue_.empty()) return;
      job = std::move(queue_.front());
      queue_.pop_front();
    }
    for (size_t i = 0; i < loggers_.size(); ++i) {
      if (failed_[i]) continue;
      try {
        job.run(loggers_[i]);
      } catch (const std::exception& e) {
        failed_[i] = true;
        log_warn("{}; this logger is left out from here on", e.what());
      }
    }
  }
}

void LogThread::begin(const std::string& run_id, const Value& config, bool resumed) {
  push({[run_id, config = masked(config), resumed](const LoggerPlugin& logger) { logger.begin(run_id, config, resumed); }, false});
}

void LogThread::scalars(int64_t step, std::vector<std::pair<std::string, double>> metrics, bool passing) {
  push({[step, time = now(), metrics = std::move(metrics)](const LoggerPlugin& logger) {
          std::vector<slw_metric> view;
          for (const auto& [name, value] : metrics) view.push_back({name.c_str(), value});
          logger.scalars(step, time, view);
        },
        passing});
}

void LogThread::text(int64_t step, const std::string& name, const std::string& markdown) {
  push({[=, time = now()](const LoggerPlugin& logger) { logger.text(step, time, name, markdown); }, false});
}

void LogThread::table(int64_t step, const std::string& name, SampleTable table) {
  push({[=, time = now(), table = std::move(table)](const LoggerPlugin& logger) { logger.table(step, time, name, table); }, false});
}

void LogThread::flush() {
  push({[](const LoggerPlugin& logger) { logger.flush(); }, false});
}

void LogThread::end(slw_status outcome) {
  if (!thread_.joinable()) return;
  push({[outcome](const LoggerPlugin& logger) { logger.end(outcome); }, false});
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
  }
  wake_.notify_one();
  thread_.join();
  if (dropped_ > 0) log_warn("the loggers were too slow: {} rows were not handed to them (metrics.jsonl has all)", dropped_);
}

}  // namespace slipway
