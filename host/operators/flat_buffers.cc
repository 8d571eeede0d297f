// One implementation a kind of memory.
#include "operators/flat_buffers.h"

#include <algorithm>

#include "compute/page_buffer.h"
#include "kernels/cpu/flat_kernels.h"
#include "operators/accelerator/device_pages.h"
#include "operators/accelerator/device_tensors.h"
#include "operators/kernels_of.h"

namespace slipway {
namespace {

constexpr int64_t kPassing = 1 << 20;  // values that change places at a time

double device_squares(const at::Tensor& values) {
  make_present(values);
  const at::TensorOptions doubles = values.options().dtype(at::kDouble);
  at::Tensor partial = at::empty({DeviceKernels::kSquareParts}, doubles),
             sum = at::empty({1}, doubles);
  device_kernels().squares(values.const_data_ptr<float>(), values.numel(),
                           partial.data_ptr<double>(), sum.data_ptr<double>());
  return *sum.cpu().const_data_ptr<double>();
}

}  // namespace

void fill_zero(at::Tensor& buffer) { fill_zero(buffer, 0, buffer.numel()); }
void fill_zero(at::Tensor& buffer, int64_t first, int64_t count) {
  if (on_device(buffer)) buffer.narrow(0, first, count).zero_();
  else cpu_fill(buffer.data_ptr<float>() + first, count, 0.0f);
}

double add_squares(double sum, const at::Tensor& buffer) {
  if (on_device(buffer)) return sum + device_squares(buffer);
  return cpu_add_squares(sum, buffer.const_data_ptr<float>(), buffer.numel());
}

void add_to(at::Tensor& to, const at::Tensor& more) {
  if (!on_device(to)) {
    to.add_(more);
    return;
  }
  const at::Tensor floats = more.to(at::kFloat);
  device_kernels().add_scaled(to.const_data_ptr<float>(), 1.0f, floats.const_data_ptr<float>(),
                              to.numel(), to.data_ptr<float>());
}

void scale(at::Tensor& buffer, double factor) {
  kernels_of(buffer).scale(buffer.data_ptr<float>(), buffer.numel(), static_cast<float>(factor));
}

int64_t bytes_in_memory(const at::Tensor& buffer) {
  return on_device(buffer) ? bytes_with_memory(buffer) : resident_bytes(buffer);
}

std::span<std::byte> host_bytes(const at::Tensor& buffer) {
  if (on_device(buffer)) return {};
  return {reinterpret_cast<std::byte*>(buffer.data_ptr<float>()), buffer.nbytes()};
}

ContentsSwap::ContentsSwap(const at::Tensor& like) {
  if (on_device(like)) passing_ = at::empty({kPassing}, like.options());
}

void ContentsSwap::swap(const at::Tensor& a, const at::Tensor& b) const {
  if (!on_device(a)) return cpu_swap(a.data_ptr<float>(), b.data_ptr<float>(), a.numel());
  const at::NoGradGuard no_grad;
  for (int64_t first = 0; first < a.numel(); first += kPassing) {
    const int64_t count = std::min(kPassing, a.numel() - first);
    const at::Tensor here = a.narrow(0, first, count), there = b.narrow(0, first, count),
                     passing = passing_.narrow(0, 0, count);
    passing.copy_(here);
    here.copy_(there);
    there.copy_(passing);
  }
}

}  // namespace slipway
