// The exchanges of one group that are under way.
#include "dist/exchange_queue.h"

#include <chrono>

namespace slipway {

using std::chrono::steady_clock;

ExchangeQueue::ExchangeQueue(std::shared_ptr<Heartbeat> heartbeat, std::string group,
                             std::vector<int64_t> ranks, double limit_seconds)
    : heartbeat_(std::move(heartbeat)),
      group_(std::move(group)),
      ranks_(std::move(ranks)),
      limit_seconds_(limit_seconds) {
  thread_ = std::thread([this] { work(); });
}

ExchangeQueue::~ExchangeQueue() { stop(); }

bool ExchangeQueue::stop() {
  {
    const std::lock_guard lock(shared_->mutex);
    stop_ = true;
  }
  shared_->changed.notify_all();
  if (thread_.joinable()) thread_.join();
  const std::lock_guard lock(shared_->mutex);
  return shared_->under_way == 0;
}

std::shared_ptr<Job> ExchangeQueue::add(const char* what,
                                        std::function<void(const std::shared_ptr<Job>&)> then) {
  heartbeat_->check();
  auto job = std::make_shared<Job>();
  job->number = ++begun_;
  job->what = what;
  job->then = std::move(then);
  heartbeat_->begun(group_, job->number);
  const std::lock_guard lock(shared_->mutex);
  ++shared_->under_way;
  if (job->then) to_do_.push_back(job);
  return job;
}

Wire::Done ExchangeQueue::arrival(const std::shared_ptr<Job>& job, bool last) {
  return [shared = shared_, job, last](const std::string& problem) {
    {
      const std::lock_guard lock(shared->mutex);
      job->has_arrived = true;
      job->problem = problem;
      if (last || !problem.empty()) {
        job->is_whole = problem.empty();
        --shared->under_way;
      }
    }
    shared->changed.notify_all();
  };
}

void ExchangeQueue::finish(const std::shared_ptr<Job>& job) { arrival(job, true)(""); }

void ExchangeQueue::work() {
  std::unique_lock lock(shared_->mutex);
  for (;;) {
    shared_->changed.wait(
        lock, [&] { return stop_ || (!to_do_.empty() && to_do_.front()->has_arrived); });
    if (stop_) return;
    const std::shared_ptr<Job> job = std::move(to_do_.front());
    to_do_.pop_front();
    const auto then = std::move(job->then);
    if (!job->problem.empty()) continue;
    lock.unlock();
    try {
      then(job);
    } catch (const std::exception& problem) {
      arrival(job, true)(problem.what());
    }
    lock.lock();
  }
}

void ExchangeQueue::wait(const std::shared_ptr<Job>& job) {
  const auto is_over = [&] { return job->is_whole || !job->problem.empty(); };
  std::unique_lock lock(shared_->mutex);
  if (job->is_whole) return;
  lock.unlock();
  heartbeat_->waits({group_, ranks_, job->number, job->what});
  lock.lock();
  const auto end =
      steady_clock::now() + std::chrono::milliseconds(static_cast<int64_t>(limit_seconds_ * 1000));
  while (!shared_->changed.wait_for(lock, std::chrono::milliseconds(100), is_over)) {
    lock.unlock();
    heartbeat_->check();
    if (steady_clock::now() > end) heartbeat_->give_up(limit_seconds_);
    lock.lock();
  }
  const std::string problem = job->problem;
  lock.unlock();
  if (!problem.empty()) heartbeat_->broke(job->what, problem);
  heartbeat_->goes_on();
}

}  // namespace slipway
