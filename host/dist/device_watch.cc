// Looking, some hundred times a second while something is under way.
#include "dist/device_watch.h"

namespace slipway {
namespace {

constexpr std::chrono::milliseconds kTick(5);
// An exchange that takes longer is told to the others as waited for.
constexpr double kToldSeconds = 0.3;

}  // namespace

DeviceWatch::DeviceWatch(DeviceWire& wire, std::shared_ptr<Heartbeat> heartbeat,
                         WaitedExchange exchange, double limit_seconds)
    : wire_(wire),
      heartbeat_(std::move(heartbeat)),
      exchange_(std::move(exchange)),
      limit_seconds_(limit_seconds) {
  thread_ = std::thread([this] { work(); });
}

DeviceWatch::~DeviceWatch() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void DeviceWatch::add(int64_t number, const char* what, std::shared_ptr<WorkLane::Mark> mark) {
  {
    const std::lock_guard lock(mutex_);
    under_way_.push_back({number, what, std::move(mark), Clock::now()});
  }
  changed_.notify_all();
}

void DeviceWatch::check() {
  if (!broken_) return;
  heartbeat_->check();
  std::string problem;
  {
    const std::lock_guard lock(mutex_);
    problem = problem_;
  }
  heartbeat_->broke("what the devices share", problem);
}

void DeviceWatch::break_off(const std::string& problem) noexcept {
  {
    const std::lock_guard lock(mutex_);
    if (problem_.empty()) problem_ = problem;
    under_way_.clear();
  }
  // Before the device goes on: nobody may take for a result what it holds then.
  broken_ = true;
  wire_.abort();
  heartbeat_->device_goes_on();
  changed_.notify_all();
}

bool DeviceWatch::wait_until_idle(double seconds) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, std::chrono::milliseconds(static_cast<int64_t>(seconds * 1000)),
                           [&] { return under_way_.empty() || broken_; }) &&
         !broken_;
}

void DeviceWatch::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [&] { return stop_ || !under_way_.empty(); });
    if (stop_) return;
    Watched front = under_way_.front();
    lock.unlock();
    const bool is_done = look_at(front);
    lock.lock();
    if (under_way_.empty()) continue;  // broken off
    under_way_.front() = std::move(front);
    if (is_done) {
      under_way_.pop_front();
      if (under_way_.empty()) changed_.notify_all();
      else under_way_.front().since = Clock::now();
    } else {
      changed_.wait_for(lock, kTick, [&] { return stop_; });
    }
  }
}

bool DeviceWatch::look_at(Watched& front) {
  try {
    if (front.mark->is_reached()) {
      if (front.is_told) heartbeat_->device_goes_on();
      return true;
    }
  } catch (const std::exception& fault) {
    break_off(fault.what());
    return false;
  }
  const double seconds = std::chrono::duration<double>(Clock::now() - front.since).count();
  if (seconds > kToldSeconds && !front.is_told) {
    WaitedExchange waited = exchange_;
    waited.number = front.number;
    waited.what = front.what;
    heartbeat_->device_waits(waited);
    front.is_told = true;
  }
  if (heartbeat_->is_lost()) {
    break_off("");
  } else if (wire_.state() == DeviceWire::State::kFailed) {
    break_off(wire_.problem());
  } else if (front.is_told && seconds > limit_seconds_) {
    heartbeat_->give_up_on_device(seconds);
    break_off("");
  }
  return false;
}

}  // namespace slipway
