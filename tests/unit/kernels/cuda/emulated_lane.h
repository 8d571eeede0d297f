// A lane of the emulated accelerator: a thread that does what it is given while kernels go on.
#pragma once
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include "kernels/accelerator.h"
#include "tests/unit/kernels/cuda/lane_handle.h"

namespace slipway::cuda {

class EmulatedLane : public WorkLane {
 public:
  // `within`: runs work with the accelerator's memory open.
  explicit EmulatedLane(std::function<void(const std::function<void()>&)> within);
  ~EmulatedLane() override;  // waits until the thread has done what it was given

  void* handle() override { return &handle_; }
  // Kernels are done when they were asked for.
  void follow_kernels() override {}
  std::unique_ptr<Mark> mark() override;

 private:
  struct Handle : LaneHandle {
    EmulatedLane* lane;
  };
  struct State {  // outlives the lane where a mark does
    std::mutex mutex;
    std::condition_variable changed;
    size_t given = 0, done = 0;
  };
  class Place;

  static void submit(LaneHandle* lane, void (*work)(void*), void* argument);
  void work();

  std::function<void(const std::function<void()>&)> within_;
  std::shared_ptr<State> state_ = std::make_shared<State>();
  std::deque<std::function<void()>> to_do_;  // under the state's mutex
  bool stop_ = false;
  Handle handle_;
  std::thread thread_;
};

}  // namespace slipway::cuda
