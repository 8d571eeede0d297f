// A header before each block says where it begins and how large it is.
#include "compute/tensor_memory.h"

#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>
#include <c10/util/Exception.h>

#include <cstdint>
#include <cstdlib>
#include <mutex>
#include <utility>

namespace slipway {
namespace {

constexpr size_t kAlignment = 64;

struct Header {
  void* block;
  size_t bytes;  // that a tensor may have in it
};
Header& header_of(void* data) { return static_cast<Header*>(data)[-1]; }

// nullptr: there is no memory.
void* new_block(size_t bytes) {
  constexpr size_t kMore = sizeof(Header) + kAlignment;
  if (bytes > SIZE_MAX - kMore) return nullptr;
  void* const block = std::malloc(bytes + kMore);
  if (block == nullptr) return nullptr;
  const auto first = reinterpret_cast<uintptr_t>(block) + sizeof(Header);
  auto* const data = reinterpret_cast<void*>((first + kAlignment - 1) / kAlignment * kAlignment);
  header_of(data) = {block, bytes};
  return data;
}
void free_block(void* data) {
  if (data != nullptr) std::free(header_of(data).block);
}

// The block that waits; nothing frees it at the end: tensors may outlive static objects.
std::mutex kept_mutex;
void* kept = nullptr;

// nullptr: none that fits, without leaving more than half of it unused.
void* take_kept(size_t bytes) {
  const std::lock_guard lock(kept_mutex);
  if (kept == nullptr || header_of(kept).bytes < bytes || header_of(kept).bytes / 2 > bytes)
    return nullptr;
  return std::exchange(kept, nullptr);
}
// Returns the smaller of the two.
void* exchange_kept(void* data) {
  const std::lock_guard lock(kept_mutex);
  if (kept == nullptr || header_of(kept).bytes < header_of(data).bytes) std::swap(kept, data);
  return data;
}
bool give_kept_up() {
  const std::lock_guard lock(kept_mutex);
  void* const data = std::exchange(kept, nullptr);
  free_block(data);
  return data != nullptr;
}

void release(void* data) {
  if (data == nullptr) return;
  free_block(header_of(data).bytes < kKeptBytes ? data : exchange_kept(data));
}

class TensorMemory final : public c10::Allocator {
 public:
  c10::DataPtr allocate(size_t bytes) override {
    void* data = nullptr;
    if (bytes > 0) {
      if (bytes >= kKeptBytes) data = take_kept(bytes);
      if (data == nullptr) data = new_block(bytes);
      if (data == nullptr && give_kept_up()) data = new_block(bytes);
      TORCH_CHECK(data != nullptr, "can't allocate memory for a tensor of ", bytes, " bytes");
    }
    return {data, data, &release, c10::Device(c10::DeviceType::CPU)};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &release; }
  void copy_data(void* to, const void* from, size_t bytes) const override {
    default_copy_data(to, from, bytes);
  }
};

}  // namespace

void keep_tensor_memory() {
  static TensorMemory* const memory = new TensorMemory;
  constexpr uint8_t kBeforeDefault = 1;
  c10::SetCPUAllocator(memory, kBeforeDefault);
}

}  // namespace slipway
