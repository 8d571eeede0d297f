// What both kinds have in common.
#include "operators/key_value_cache.h"

#include "kernels/cpu/gemm.h"
#include "operators/accelerator/device_cache.h"
#include "operators/accelerator/device_tensors.h"
#include "operators/host_cache.h"

namespace slipway {
namespace {

int64_t round_up(int64_t n, int64_t unit) { return (n + unit - 1) / unit * unit; }

}  // namespace

KeyValueCache::KeyValueCache(const Shape& shape, const Size& size)
    : shape_(shape),
      prompt_capacity_(round_up(size.prompt_tokens, gemm::panel_width())),
      slot_capacity_(round_up(size.slot_tokens, gemm::panel_width())) {}

std::unique_ptr<KeyValueCache> KeyValueCache::make(const Shape& shape, const Size& size) {
  if (accelerator() != nullptr) return std::make_unique<DeviceCache>(shape, size);
  return std::make_unique<HostCache>(shape, size);
}

}  // namespace slipway
