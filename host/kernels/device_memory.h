// Memory of the accelerator that is kept for later requests: asking the device itself waits for all
// of its work. Work is done in order, so memory may be given to the next who asks while work of the
// one before is still on its way.
#pragma once
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>

#include "kernels/accelerator.h"

namespace slipway {

// Any thread. Blocks keep their pool alive.
class DevicePool : public std::enable_shared_from_this<DevicePool> {
 public:
  explicit DevicePool(Accelerator& from) : from_(from) {}
  ~DevicePool();  // gives what is free back to the device
  DevicePool(const DevicePool&) = delete;
  DevicePool& operator=(const DevicePool&) = delete;

  struct Block {
    void* memory;
    size_t bytes;
    std::shared_ptr<DevicePool> pool;
  };
  // At least `bytes` (not 0), aligned to 256. Throws when the device has no more, after giving back
  // what is free here.
  std::unique_ptr<Block> take(size_t bytes);
  static void give(std::unique_ptr<Block> block);
  size_t free_bytes();  // kept here for later requests
  void give_back();     // these go back to the device

 private:
  void give_back_locked();

  Accelerator& from_;
  std::mutex mutex_;
  std::multimap<size_t, void*> free_;  // by size
};

// Requests of this process for which a device had no memory, even after pools had given back what
// was free. Any thread.
int64_t refused_requests();

}  // namespace slipway
