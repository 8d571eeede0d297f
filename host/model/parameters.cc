// Flat parameter buffers.
#include "model/parameters.h"

#include <ATen/CPUGeneratorImpl.h>

#include <algorithm>
#include <cmath>

#include <fmt/ranges.h>

#include "base/error.h"
#include "base/trace.h"
#include "operators/accelerator/device_tensors.h"
#include "operators/flat_buffers.h"
#include "operators/out_of_memory.h"

namespace slipway {
namespace {

constexpr int64_t kAlign = 16;  // floats: every parameter starts on a cache line

int64_t count_of(const ParameterSpec& spec) {
  int64_t n = 1;
  for (const int64_t extent : spec.shape)
    if (extent < 0 || __builtin_mul_overflow(n, extent, &n) || n > (int64_t{1} << 56))
      fail("parameter {}: [{}] is not a size that a memory can hold", spec.name,
           fmt::join(spec.shape, ", "));
  return n;
}

at::Tensor zeros(int64_t count, const char* of_what) {
  return within_memory<Error>(
      [&] { return at::zeros({count}, at::TensorOptions(at::kFloat).device(compute_device())); },
      [&] {
        return fmt::format("out of memory: the model's {} need {:.1f} GiB{}", of_what,
                           static_cast<double>(count) * sizeof(float) / 0x1p30,
                           accelerator() != nullptr ? " on " + accelerator()->name() : "");
      });
}

}  // namespace

FlatParameters::FlatParameters(std::vector<ParameterSpec> specs)
    : specs_(std::move(specs)), tensors_(specs_.size()) {
  for (const bool trainable : {true, false})
    for (const bool decay : {true, false}) {
      std::vector<Place> places;
      int64_t total = 0;
      for (size_t i = 0; i < specs_.size(); ++i) {
        if (specs_[i].tied_to >= 0 || specs_[i].trainable != trainable || specs_[i].decay != decay)
          continue;
        places.push_back({i, total, count_of(specs_[i]), specs_[i].shape});
        total += (count_of(specs_[i]) + kAlign - 1) / kAlign * kAlign;
      }
      if (places.empty()) continue;
      Group group{decay, trainable, zeros(total, "weights"), {}, std::move(places)};
      if (trainable) group.grads = zeros(total, "gradients");
      for (const auto& [i, offset, count, shape] : group.places) {
        // detach(): the view must be a leaf, or autograd would follow it into the buffer.
        tensors_[i] = group.weights.narrow(0, offset, count).view(shape).detach();
        if (!trainable) continue;
        tensors_[i].requires_grad_(true);
        tensors_[i].mutable_grad() = group.grads.narrow(0, offset, count).view(shape);
      }
      groups_.push_back(std::move(group));
    }
  for (size_t i = 0; i < specs_.size(); ++i) {
    const int target = specs_[i].tied_to;
    if (target < 0) continue;
    if (target >= static_cast<int>(specs_.size()) ||
        specs_[static_cast<size_t>(target)].tied_to >= 0 ||
        specs_[static_cast<size_t>(target)].shape != specs_[i].shape)
      fail("parameter {}: tied to a parameter that does not exist or has another shape",
           specs_[i].name);
    tensors_[i] = tensors_[static_cast<size_t>(target)];
  }
}

FlatParameters::Slice FlatParameters::slice(const Group& group, int64_t rank) const {
  const int64_t all = group.weights.numel(), lines = (all + kAlign - 1) / kAlign,
                each = (lines + ranks_ - 1) / ranks_ * kAlign, begin = std::min(all, rank * each);
  return {begin, std::min(all - begin, each)};
}

void FlatParameters::share_updates(int64_t rank, int64_t ranks) {
  rank_ = rank;
  ranks_ = ranks;
}

int64_t FlatParameters::trainable_count() const {
  int64_t n = 0;
  for (const ParameterSpec& spec : specs_)
    if (spec.trainable && spec.tied_to < 0) n += count_of(spec);
  return n;
}

int64_t FlatParameters::total_count() const {
  int64_t n = 0;
  for (const ParameterSpec& spec : specs_)
    if (spec.tied_to < 0) n += count_of(spec);
  return n;
}

void FlatParameters::initialise(uint64_t seed) {
  const at::NoGradGuard no_grad;
  at::Generator generator = at::detail::createCPUGenerator(seed);
  for (size_t i = 0; i < specs_.size(); ++i) {
    const ParameterSpec& spec = specs_[i];
    if (spec.tied_to >= 0) continue;
    const at::Tensor there = tensors_[i].detach();
    // Drawn here: equal on every device.
    at::Tensor w = host_room(there);
    switch (spec.init) {
      case ParameterSpec::Init::kZero:
        w.zero_();
        break;
      case ParameterSpec::Init::kOne:
        w.fill_(1.0);
        break;
      case ParameterSpec::Init::kNormal:
        w.normal_(0.0, spec.init_scale, generator);
        break;
      case ParameterSpec::Init::kUniform:
        w.uniform_(-spec.init_scale, spec.init_scale, generator);
        break;
    }
    put_back(w, there);
  }
}

void FlatParameters::load(const std::function<void(const std::string&, float*, int64_t)>& read) {
  for (size_t i = 0; i < specs_.size(); ++i) {
    if (specs_[i].tied_to >= 0) continue;
    const at::Tensor there = tensors_[i].detach(), here = host_room(there);
    read(specs_[i].name, here.data_ptr<float>(), count_of(specs_[i]));
    put_back(here, there);
  }
}

void FlatParameters::zero_grad() {
  grads_lent_ = false;
  for (Group& group : groups_)
    if (group.trainable) fill_zero(group.grads);
}

std::span<std::byte> FlatParameters::lend_grads() {
  std::span<std::byte> most;
  for (Group& group : groups_)
    if (group.trainable)
      if (const std::span<std::byte> bytes = host_bytes(group.grads); bytes.size() > most.size())
        most = bytes;
  grads_lent_ = !most.empty();
  return most;
}

double FlatParameters::grad_norm() const {
  const TraceScope trace("optimizer", "grad_norm");
  double squares = 0;
  for (const Group& group : groups_)
    if (group.trainable) squares = add_squares(squares, group.grads);
  return std::sqrt(squares);
}

void FlatParameters::scale_grad(double factor) {
  const TraceScope trace("optimizer", "clip");
  const at::NoGradGuard no_grad;
  for (Group& group : groups_)
    if (group.trainable) scale(group.grads, factor);
}

}  // namespace slipway
