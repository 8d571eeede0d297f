// NCCL's communicator as a rank's end of a wire.
#pragma once
#include <atomic>
#include <mutex>

#include "dist/device_wire.h"
#include "dist/nccl/calls.h"

namespace slipway::nccl {

// Does not block: each call asks a thread of NCCL's to do it, and state() tells when that is done.
class Communicator : public DeviceWire {
 public:
  // `calls` outlives it.
  Communicator(const Calls& calls, const ncclUniqueId& meeting, int64_t rank, int64_t world);
  ~Communicator() override;
  Communicator(const Communicator&) = delete;
  Communicator& operator=(const Communicator&) = delete;

  State state() override;
  std::string problem() override;
  void all_reduce(void* x, size_t count, WireType type, Reduction reduction, void* lane) override;
  void reduce_scatter(const void* whole, void* own, size_t count, WireType type,
                      void* lane) override;
  void all_gather(const void* own, void* whole, size_t count, WireType type, void* lane) override;
  void broadcast(void* x, size_t count, WireType type, int64_t from, void* lane) override;
  void finish() override;
  void abort() noexcept override;

 private:
  // Under the mutex: what the call says; a fault is an exception.
  template <class Call>
  void ask(const char* what, const Call& call);
  std::string words(ncclResult_t result);

  const Calls& calls_;
  std::mutex mutex_;           // of the pointer, and of NCCL's calls but abort
  ncclComm_t comm_ = nullptr;  // nullptr: broken off
  bool finished_ = false;
  std::string problem_;
};

}  // namespace slipway::nccl
