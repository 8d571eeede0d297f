// One implementation a kind of memory.
#include "operators/paged_values.h"

#include <algorithm>

#include "operators/accelerator/device_tensors.h"

namespace slipway {
namespace {

using Pages = std::variant<PageBuffer, std::unique_ptr<DevicePages>>;

Pages make_pages(int64_t count, const std::vector<int64_t>& begins, PageBuffer::Released released,
                 const char* what) {
  if (accelerator() == nullptr) return PageBuffer(count, released, what);
  return std::make_unique<DevicePages>(count, begins, released, what);
}

}  // namespace

int64_t piece_floats() {
  if (accelerator() == nullptr) return kPageFloats;
  return std::max(kPageFloats, DevicePages::page_floats());
}

PagedValues::PagedValues(int64_t count, const std::vector<int64_t>& begins,
                         PageBuffer::Released released, const char* what)
    : pages_(make_pages(count, begins, released, what)) {}

const at::Tensor& PagedValues::values() const {
  if (const auto* here = std::get_if<PageBuffer>(&pages_)) return here->values();
  return std::get<1>(pages_)->values();
}

void PagedValues::hold(int64_t begin, int64_t count) const {
  if (const auto* here = std::get_if<PageBuffer>(&pages_)) here->hold(begin, count);
  else std::get<1>(pages_)->hold(begin, count);
}

void PagedValues::release(int64_t begin, int64_t count) const {
  if (const auto* here = std::get_if<PageBuffer>(&pages_)) here->release(begin, count);
  else std::get<1>(pages_)->release(begin, count);
}

}  // namespace slipway
