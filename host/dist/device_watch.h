// What devices exchange is under way while the loop goes on: a thread looks whether it ends.
#pragma once
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "dist/device_wire.h"
#include "dist/heartbeat.h"
#include "kernels/accelerator.h"

namespace slipway {

// Where a rank is lost, the wire failed, or an exchange takes longer than it may, the thread breaks
// off the wire, so that the device does not wait for ever, and with it whoever waits for the
// device.
class DeviceWatch {
 public:
  // `exchange`: the group and its ranks; its number and what come with each. `wire` outlives it.
  DeviceWatch(DeviceWire& wire, std::shared_ptr<Heartbeat> heartbeat, WaitedExchange exchange,
              double limit_seconds);
  ~DeviceWatch();
  DeviceWatch(const DeviceWatch&) = delete;
  DeviceWatch& operator=(const DeviceWatch&) = delete;

  // Exchange `number` was given to the lane; `mark` lies behind it.
  void add(int64_t number, const char* what, std::shared_ptr<WorkLane::Mark> mark);
  // Throws RankLost where something was broken off: what the device holds may be anything then. Any
  // thread.
  void check();
  // Breaks off, for a reason that the heartbeats do not know; an empty one where they do.
  void break_off(const std::string& problem) noexcept;
  // Returns whether all that was added is done, within so many seconds.
  bool wait_until_idle(double seconds);

 private:
  using Clock = std::chrono::steady_clock;
  struct Watched {
    int64_t number;
    const char* what;
    std::shared_ptr<WorkLane::Mark> mark;
    Clock::time_point since;  // when it came to the front
    bool is_told = false;     // to the heartbeats, that the device waits
  };
  void work();
  // Whether the exchange is done; breaks off where it cannot be.
  bool look_at(Watched& front);

  DeviceWire& wire_;
  std::shared_ptr<Heartbeat> heartbeat_;
  const WaitedExchange exchange_;
  const double limit_seconds_;
  std::atomic<bool> broken_{false};
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Watched> under_way_;
  std::string problem_;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace slipway
