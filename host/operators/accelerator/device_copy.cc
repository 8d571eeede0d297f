// Copies: memory as it lies where both sides lie alike, else arranged by the processor.
#include "operators/accelerator/device_copy.h"

#include <atomic>
#include <mutex>
#include <vector>

#include "operators/accelerator/device_pages.h"
#include "operators/accelerator/device_tensors.h"

namespace slipway {
namespace {

struct CopyChecks {
  std::atomic<size_t> count{0};
  std::mutex mutex;
  std::vector<const CopyCheck*> all;
};
CopyChecks& copy_checks() {
  static auto* const kOne = new CopyChecks();
  return *kOne;
}

}  // namespace

void check_copy() {
  CopyChecks& checks = copy_checks();
  if (checks.count == 0) return;
  const std::lock_guard lock(checks.mutex);
  for (const CopyCheck* each : checks.all) each->check_();
}

CopyCheck::CopyCheck(std::function<void()> check) : check_(std::move(check)) {
  CopyChecks& checks = copy_checks();
  const std::lock_guard lock(checks.mutex);
  checks.all.push_back(this);
  checks.count = checks.all.size();
}

CopyCheck::~CopyCheck() {
  CopyChecks& checks = copy_checks();
  const std::lock_guard lock(checks.mutex);
  std::erase(checks.all, this);
  checks.count = checks.all.size();
}

namespace {

void copy_out(void* to, const at::Tensor& from, size_t bytes) {
  device_of_tensors().copy_out(to, from.const_data_ptr(), bytes);
  check_copy();
}

bool lie_alike(const at::Tensor& a, const at::Tensor& b) {
  return a.scalar_type() == b.scalar_type() && a.sizes() == b.sizes() &&
         a.strides() == b.strides() && a.is_non_overlapping_and_dense() &&
         a.is_conj() == b.is_conj() && a.is_neg() == b.is_neg();
}

void copy_memory(const at::Tensor& from, const at::Tensor& to) {
  Accelerator& device = device_of_tensors();
  const auto bytes = static_cast<size_t>(to.nbytes());
  if (!on_device(to)) copy_out(to.mutable_data_ptr(), from, bytes);
  else if (!on_device(from)) device.copy_in(to.mutable_data_ptr(), from.const_data_ptr(), bytes);
  else device.copy(to.mutable_data_ptr(), from.const_data_ptr(), bytes);
}

// Bytes from a tensor's first element to behind its last.
size_t span(const at::Tensor& tensor) {
  int64_t last = 0;
  for (int64_t d = 0; d < tensor.dim(); ++d) last += (tensor.size(d) - 1) * tensor.stride(d);
  return static_cast<size_t>(last + 1) * tensor.element_size();
}

// The processor's copy of the memory that a tensor of the accelerator spans, gaps included.
at::Tensor fetched(const at::Tensor& tensor) {
  const size_t bytes = span(tensor);
  const at::Tensor memory = at::empty({static_cast<int64_t>(bytes / tensor.element_size())},
                                      tensor.options().device(at::kCPU));
  copy_out(memory.mutable_data_ptr(), tensor, bytes);
  return memory.as_strided(tensor.sizes(), tensor.strides());
}

}  // namespace

at::Tensor copy_from(const at::Tensor& from, const at::Tensor& to, bool) {
  if (to.numel() == 0) return to;
  for (const at::Tensor* each : {&from, &to}) make_present(*each);
  const at::Tensor wide = from.sizes() == to.sizes() ? from : from.expand(to.sizes());
  if (lie_alike(wide, to)) {
    copy_memory(wide, to);
    return to;
  }
  const at::Tensor here = on_device(wide) ? fetched(wide) : wide;
  if (!on_device(to)) {
    to.copy_(here);
    return to;
  }
  if (to.is_non_overlapping_and_dense()) {
    copy_memory(
        at::empty_strided(to.sizes(), to.strides(), to.options().device(at::kCPU)).copy_(here), to);
    return to;
  }
  const at::Tensor changed = fetched(to);
  changed.copy_(here);
  device_of_tensors().copy_in(to.mutable_data_ptr(), changed.const_data_ptr(), span(to));
  return to;
}

}  // namespace slipway
