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

double now() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

// Loggers see the configuration without its secrets.
Value masked(const Value& value) {
  Value out = value;
  if (!out.secret.empty()) out = Value::of(out.secret);
  for (Value& item : out.items) item = masked(item);
  for (auto& [name, item] : out.table) item = masked(item);
  return out;
}

}  // namespace

LogThread::LogThread(std::vector<LoggerPlugin> loggers, std::chrono::milliseconds patience)
    : state_(std::make_shared<State>()), patience_(patience) {
  state_->loggers = std::move(loggers);
  state_->failed.resize(state_->loggers.size(), false);
  if (state_->loggers.empty()) return;
  thread_ = std::thread([state = state_] {
    trace_thread_name("loggers");
    work(*state);
  });
}

LogThread::~LogThread() { end(SLW_ABORTED); }

void LogThread::push(Job job, bool drops) {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(state_->mutex);
    auto& queue = state_->queue;
    if (drops && queue.size() >= kQueueLimit) {
      const auto passing = std::ranges::find_if(queue, &Job::passing);
      queue.erase(passing != queue.end() ? passing : queue.begin());
      ++state_->dropped;
    }
    queue.push_back(std::move(job));
  }
  state_->wake.notify_one();
}

void LogThread::work(State& state) {
  for (;;) {
    Job job;
    {
      std::unique_lock lock(state.mutex);
      state.wake.wait(lock, [&] { return !state.queue.empty() || state.closing; });
      if (state.queue.empty()) break;
      job = std::move(state.queue.front());
      state.queue.pop_front();
    }
    deliver(state, job);
  }
  {
    const std::lock_guard lock(state.mutex);
    state.done = true;
  }
  state.ended.notify_all();
}

void LogThread::deliver(State& state, const Job& job) {
  for (size_t i = 0; i < state.loggers.size(); ++i) {
    if (state.failed[i]) continue;
    const auto note_call = [&](const char* id, size_t returned) {
      const std::lock_guard lock(state.mutex);
      state.called = id;
      state.calls += returned;
    };
    note_call(state.loggers[i].id(), 0);
    try {
      job.run(state.loggers[i]);
    } catch (const std::exception& e) {
      state.failed[i] = true;
      log_warn("{}; this logger is left out from here on", e.what());
    }
    note_call(nullptr, 1);
  }
}

bool LogThread::wait_for_end() {
  std::unique_lock lock(state_->mutex);
  for (size_t before = SIZE_MAX;;) {
    if (state_->ended.wait_for(lock, patience_, [&] { return state_->done; })) return true;
    // none has returned in all that time
    if (state_->calls == before && state_->called != nullptr) return false;
    before = state_->calls;
  }
}

void LogThread::begin(const std::string& run_id, const Value& config, bool resumed) {
  push({[run_id, config = masked(config), resumed](const LoggerPlugin& logger) {
          logger.begin(run_id, config, resumed);
        },
        false});
}

void LogThread::scalars(int64_t step, std::vector<std::pair<std::string, double>> metrics,
                        bool passing) {
  push({[step, time = now(), metrics = std::move(metrics)](const LoggerPlugin& logger) {
          std::vector<slw_metric> view;
          for (const auto& [name, value] : metrics) view.push_back({name.c_str(), value});
          logger.scalars(step, time, view);
        },
        passing});
}

void LogThread::text(int64_t step, const std::string& name, const std::string& markdown) {
  push({[=, time = now()](const LoggerPlugin& logger) { logger.text(step, time, name, markdown); },
        false});
}

void LogThread::table(int64_t step, const std::string& name, SampleTable table) {
  push({[=, time = now(), table = std::move(table)](const LoggerPlugin& logger) {
          logger.table(step, time, name, table);
        },
        false});
}

void LogThread::flush() {
  push({[](const LoggerPlugin& logger) { logger.flush(); }, false});
}

void LogThread::end(slw_status outcome) {
  if (!thread_.joinable()) return;
  push({[outcome](const LoggerPlugin& logger) { logger.end(outcome); }, false}, /*drops=*/false);
  {
    const std::lock_guard lock(state_->mutex);
    state_->closing = true;
  }
  state_->wake.notify_one();
  if (!wait_for_end()) {
    const std::lock_guard lock(state_->mutex);
    log_warn(
        "logger {} has not returned for {} s since the run ended; it is left out, and what it was "
        "still to get is lost to it (metrics.jsonl has all rows)",
        state_->called, std::chrono::duration_cast<std::chrono::seconds>(patience_).count());
    thread_.detach();
    return;
  }
  thread_.join();
  if (state_->dropped > 0)
    log_warn("the loggers were too slow: {} rows were not handed to them (metrics.jsonl has all)",
             state_->dropped);
}

}  // namespace slipway
