// In order.
#include "tests/unit/kernels/cuda/emulated_lane.h"

#include <utility>

namespace slipway::cuda {

class EmulatedLane::Place : public WorkLane::Mark {
 public:
  explicit Place(std::shared_ptr<State> state) : state_(std::move(state)) {
    const std::lock_guard lock(state_->mutex);
    behind_ = state_->given;
  }
  bool is_reached() override {
    const std::lock_guard lock(state_->mutex);
    return state_->done >= behind_;
  }
  // The emulator does kernels when they are asked for, and so this is when they would begin.
  void hold_back_kernels() override {
    std::unique_lock lock(state_->mutex);
    state_->changed.wait(lock, [&] { return state_->done >= behind_; });
  }

 private:
  std::shared_ptr<State> state_;
  size_t behind_ = 0;
};

EmulatedLane::EmulatedLane(std::function<void(const std::function<void()>&)> within)
    : within_(std::move(within)) {
  handle_.submit = &EmulatedLane::submit;
  handle_.lane = this;
  thread_ = std::thread([this] { work(); });
}

EmulatedLane::~EmulatedLane() {
  {
    const std::lock_guard lock(state_->mutex);
    stop_ = true;
  }
  state_->changed.notify_all();
  thread_.join();
}

std::unique_ptr<WorkLane::Mark> EmulatedLane::mark() { return std::make_unique<Place>(state_); }

void EmulatedLane::submit(LaneHandle* handle, void (*work)(void*), void* argument) {
  EmulatedLane& lane = *static_cast<Handle*>(handle)->lane;
  {
    const std::lock_guard lock(lane.state_->mutex);
    lane.to_do_.emplace_back([=] { work(argument); });
    ++lane.state_->given;
  }
  lane.state_->changed.notify_all();
}

void EmulatedLane::work() {
  std::unique_lock lock(state_->mutex);
  for (;;) {
    state_->changed.wait(lock, [&] { return stop_ || !to_do_.empty(); });
    if (to_do_.empty()) return;
    const std::function<void()> next = std::move(to_do_.front());
    to_do_.pop_front();
    lock.unlock();
    within_(next);
    lock.lock();
    ++state_->done;
    state_->changed.notify_all();
  }
}

}  // namespace slipway::cuda
