// Free blocks by size.
#include "kernels/device_memory.h"

#include <atomic>

namespace slipway {
namespace {

// Sizes in steps: requests of about the same size meet the same blocks.
size_t rounded(size_t bytes) {
  const size_t step = bytes < (size_t{1} << 20) ? 512 : size_t{2} << 20;
  return (bytes + step - 1) / step * step;
}

std::atomic<int64_t> refused = 0;

void* last_try(Accelerator& from, size_t size) {
  try {
    return from.allocate(size);
  } catch (const std::exception&) {
    ++refused;
    throw;
  }
}

}  // namespace

int64_t refused_requests() { return refused; }

DevicePool::~DevicePool() {
  try {
    give_back_locked();
  } catch (const std::exception&) {
    // The device is gone, and its memory with it.
  }
}

std::unique_ptr<DevicePool::Block> DevicePool::take(size_t bytes) {
  const size_t size = rounded(bytes);
  const std::lock_guard lock(mutex_);
  // A block that is much too large stays for those who need it.
  if (const auto found = free_.lower_bound(size);
      found != free_.end() && found->first <= size + size / 4) {
    auto block = std::make_unique<Block>(found->second, found->first, shared_from_this());
    free_.erase(found);
    return block;
  }
  void* memory = nullptr;
  try {
    memory = from_.allocate(size);
  } catch (const std::exception&) {
    give_back_locked();
    memory = last_try(from_, size);
  }
  return std::make_unique<Block>(memory, size, shared_from_this());
}

void DevicePool::give(std::unique_ptr<Block> block) {
  const std::lock_guard lock(block->pool->mutex_);
  block->pool->free_.emplace(block->bytes, block->memory);
}

size_t DevicePool::free_bytes() {
  const std::lock_guard lock(mutex_);
  size_t out = 0;
  for (const auto& [size, memory] : free_) out += size;
  return out;
}

void DevicePool::give_back() {
  const std::lock_guard lock(mutex_);
  give_back_locked();
}

void DevicePool::give_back_locked() {
  for (const auto& [size, memory] : free_) from_.release(memory);
  free_.clear();
}

}  // namespace slipway
