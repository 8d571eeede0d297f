// What the ranks of a group exchange between their devices.
#pragma once
#include <memory>
#include <vector>

#include "compute/torch.h"
#include "dist/device_watch.h"
#include "operators/accelerator/device_copy.h"

namespace slipway {

// As RankGroup's calls, of tensors on the device; on a lane beside its kernels. Each begins after
// what the device was asked for before it. [loop]
class DeviceExchanges {
 public:
  // `wire` is connected. `exchange`: what the heartbeats call the group, and its ranks in the run.
  DeviceExchanges(std::unique_ptr<WorkLane> lane, std::unique_ptr<DeviceWire> wire,
                  const std::shared_ptr<Heartbeat>& heartbeat, const WaitedExchange& exchange,
                  double limit_seconds);
  // With a rank lost, or an exchange that does not end within moments, the wire is broken off.
  ~DeviceExchanges();
  DeviceExchanges(const DeviceExchanges&) = delete;
  DeviceExchanges& operator=(const DeviceExchanges&) = delete;

  std::unique_ptr<Exchange> all_reduce(const at::Tensor& x, Reduction reduction, const char* what);
  std::unique_ptr<Exchange> reduce_scatter(const at::Tensor& whole, const at::Tensor& own,
                                           const char* what);
  std::unique_ptr<Exchange> all_gather(const at::Tensor& own, const at::Tensor& whole,
                                       const char* what);
  std::unique_ptr<Exchange> broadcast(const at::Tensor& x, int64_t from, const char* what);

 private:
  class OnDevice;
  template <class Call>
  std::unique_ptr<Exchange> begin(const char* what, const std::vector<at::Tensor>& tensors,
                                  const Call& call);
  // Returns once the lane has what was called last.
  void settle();

  std::shared_ptr<Heartbeat> heartbeat_;
  WaitedExchange exchange_;  // the last
  double limit_seconds_;
  std::unique_ptr<WorkLane> lane_;
  std::unique_ptr<DeviceWire> wire_;
  DeviceWatch watch_;
  CopyCheck copies_;
};

}  // namespace slipway
