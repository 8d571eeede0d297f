// Flat parameter buffers.
#include "model/parameters.h"

#include <ATen/CPUGeneratorImpl.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <set>

#include <fmt/ranges.h>

#include "base/error.h"
#include "base/trace.h"
#include "model/own_parts.h"
#include "operators/accelerator/device_tensors.h"
#include "operators/flat_buffers.h"
#include "operators/out_of_memory.h"

namespace slipway {
namespace {

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

void check_ties(const std::vector<ParameterSpec>& specs) {
  for (const ParameterSpec& spec : specs) {
    if (spec.tied_to < 0) continue;
    const auto target = static_cast<size_t>(spec.tied_to);
    if (target >= specs.size() || specs[target].tied_to >= 0 || specs[target].shape != spec.shape)
      fail("parameter {}: tied to a parameter that does not exist or has another shape", spec.name);
  }
}

bool is_of(const FlatParameters::Group& kind, const ParameterSpec& spec) {
  return spec.trainable == kind.trainable && spec.decay == kind.decay &&
         spec.stored.has_value() == kind.stored;
}

// The same memory under another version counter.
at::Tensor apart(const at::Tensor& buffer, int64_t begin, int64_t count) {
  return buffer.variable_data().narrow(0, begin, count);
}

}  // namespace

FlatParameters::FlatParameters(std::vector<ParameterSpec> specs, const Sharding& sharding)
    : specs_(std::move(specs)), sharding_(sharding), tensors_(specs_.size()) {
  check_ties(specs_);
  const std::vector<std::vector<int>> readers = segments_that_read(specs_);
  for (const auto& [trainable, decay, stored] : {std::array{true, true, false},
                                                 {true, false, false},
                                                 {false, true, false},
                                                 {false, false, false},
                                                 {false, true, true},
                                                 {false, false, true}}) {
    Group kind{decay, trainable, {}, {}, {}, stored};
    std::vector<Place>& places = kind.places;
    for (size_t i = 0; i < specs_.size(); ++i)
      if (specs_[i].tied_to < 0 && is_of(kind, specs_[i]))
        places.push_back({i, 0, count_of(specs_[i]), specs_[i].shape});
    if (places.empty()) continue;
    int64_t total = 0;
    const auto units = lay_out(groups_.size(), places, readers, sharding_, piece_floats(), total);
    std::vector<int64_t> begins;
    for (const ParameterUnit& unit : units) begins.push_back(unit.begin);
    units_.insert(units_.end(), units.rbegin(), units.rend());
    groups_.push_back(std::move(kind));
    allocate(groups_.back(), total, begins);
    make_views(groups_.back());
  }
  for (size_t i = 0; i < specs_.size(); ++i)
    if (specs_[i].tied_to >= 0) tensors_[i] = tensors_[static_cast<size_t>(specs_[i].tied_to)];
  std::ranges::stable_sort(units_, [](const ParameterUnit& a, const ParameterUnit& b) {
    return a.completes > b.completes;
  });
  make_slices();
  if (sharding_.cuts_weights()) explain_units();
  explain_stored();
}

FlatParameters::~FlatParameters() {
  for (const std::optional<PagedValues>& pages : weight_pages_)
    if (pages) forget_guarded(pages->values().const_data_ptr<float>(), pages->values().numel());
}

void FlatParameters::allocate(Group& group, int64_t total, const std::vector<int64_t>& begins) {
  weight_pages_.emplace_back();
  grad_pages_.emplace_back();
  if (sharding_.cuts_weights() || group.stored)
    weight_pages_.back().emplace(total, begins, PageBuffer::Released::kGuarded, "weights");
  if (sharding_.cuts_gradients() && group.trainable)
    grad_pages_.back().emplace(total, begins, PageBuffer::Released::kZeros, "gradients");
  group.weights = weight_pages_.back() ? weight_pages_.back()->values() : zeros(total, "weights");
  if (group.trainable)
    group.grads = grad_pages_.back() ? grad_pages_.back()->values() : zeros(total, "gradients");
}

void FlatParameters::make_views(Group& group) {
  for (const auto& [i, offset, count, shape] : group.places) {
    // detach(): the view must be a leaf, or autograd would follow it into the buffer.
    tensors_[i] = group.weights.narrow(0, offset, count).view(shape).detach();
    if (group.stored) stored_[i] = std::make_unique<StoredMatrix>(tensors_[i], *specs_[i].stored);
    if (!group.trainable) continue;
    tensors_[i].requires_grad_(true);
    tensors_[i].mutable_grad() = group.grads.narrow(0, offset, count).view(shape);
  }
}

void FlatParameters::make_slices() {
  int64_t weights = 0, grads = 0;
  for (size_t u = 0; u < units_.size(); ++u) {
    weights += units_[u].count / sharding_.ranks;
    if (is_trained(u)) grads += units_[u].count / sharding_.ranks;
  }
  if (sharding_.cuts_weights()) all_own_weights_ = zeros(weights, "weights");
  if (sharding_.cuts_gradients()) all_own_grads_ = zeros(grads, "gradients");
  weights = grads = 0;
  for (size_t u = 0; u < units_.size(); ++u) {
    const ParameterUnit& unit = units_[u];
    const int64_t count = sharding_.cuts_updates() ? unit.count / sharding_.ranks : unit.count,
                  begin = unit.begin + (sharding_.cuts_updates() ? sharding_.rank * count : 0);
    own_weights_.push_back(sharding_.cuts_weights()
                               ? all_own_weights_.narrow(0, weights, count)
                               : apart(groups_[unit.group].weights, begin, count));
    weights += count;
    if (!is_trained(u)) {
      own_grads_.emplace_back();
      continue;
    }
    own_grads_.push_back(sharding_.cuts_gradients()
                             ? all_own_grads_.narrow(0, grads, count)
                             : apart(groups_[unit.group].grads, begin, count));
    grads += count;
  }
}

void FlatParameters::explain_stored() {
  for (const auto& [index, matrix] : stored_)
    explain_guarded(
        tensors_[index].const_data_ptr<float>(), tensors_[index].numel(),
        fmt::format("the model reads {} by itself, not in a product of the host, and it is "
                    "held in {}; set lora.base_dtype = \"float32\"",
                    specs_[index].name, traits(matrix->encoding()).name),
        kExitFailure);
}

void FlatParameters::explain_units() {
  for (const Group& group : groups_)
    for (const Place& place : group.places)
      explain_guarded(
          group.weights.const_data_ptr<float>() + place.offset, place.count,
          fmt::format(
              "the model reads {} in a segment that it does not name for it (declared: {}), "
              "and with train.zero_stage = 3 its weights are not there then; correct `segment` in "
              "the model plugin's list of parameters, or set train.zero_stage = 2",
              specs_[place.index].name, specs_[place.index].segment),
          kExitFailure);
}

at::Tensor FlatParameters::weights_of(size_t unit) const {
  return apart(groups_[units_[unit].group].weights, units_[unit].begin, units_[unit].count);
}

at::Tensor FlatParameters::grads_of(size_t unit) const {
  return apart(groups_[units_[unit].group].grads, units_[unit].begin, units_[unit].count);
}

std::vector<at::Tensor> FlatParameters::kept_weights() const {
  if (sharding_.cuts_weights()) return {all_own_weights_};
  std::vector<at::Tensor> out;
  for (const Group& group : groups_)
    if (!group.stored) out.push_back(group.weights);
  for (const auto& [index, matrix] : stored_) out.push_back(matrix->words());
  return out;
}

int64_t FlatParameters::weight_bytes() const {
  int64_t bytes = 0;
  for (const Group& group : groups_)
    if (!group.stored)
      for (const Place& place : group.places)
        bytes += place.count * static_cast<int64_t>(sizeof(float));
  return bytes + stored_bytes();
}

int64_t FlatParameters::stored_bytes() const {
  int64_t bytes = 0;
  for (const auto& [index, matrix] : stored_)
    bytes += static_cast<int64_t>(matrix->words().nbytes());
  return bytes;
}

std::vector<at::Tensor> FlatParameters::kept_grads() const {
  if (sharding_.cuts_gradients()) return {all_own_grads_};
  std::vector<at::Tensor> out;
  for (const Group& group : groups_)
    if (group.trainable) out.push_back(group.grads);
  return out;
}

std::optional<size_t> FlatParameters::unit_at(const float* value) const {
  for (size_t u = 0; u < units_.size(); ++u)
    for (const at::Tensor& buffer :
         {groups_[units_[u].group].weights, groups_[units_[u].group].grads}) {
      if (!buffer.defined()) continue;
      const auto* begin = static_cast<const float*>(buffer.const_data_ptr()) + units_[u].begin;
      if (value >= begin && value < begin + units_[u].count) return u;
    }
  return std::nullopt;
}

FlatParameters::OwnPart FlatParameters::part_of(size_t index, int64_t rank) const {
  const auto* at = static_cast<const float*>(tensors_[index].const_data_ptr());
  const size_t u = unit_at(at).value_or(0);  // one without values may lie behind the last
  const ParameterUnit& unit = units_[u];
  const auto* group = static_cast<const float*>(groups_[unit.group].weights.const_data_ptr());
  const int64_t place = at - group, values = tensors_[index].numel(),
                slice = own_weights_[u].numel(),
                from = unit.begin + (sharding_.cuts_updates() ? rank * slice : 0),
                begin = std::max(from, place), end = std::min(from + slice, place + values);
  if (begin >= end) return {u, 0, 0, 0};
  return {u, begin - from, begin - place, end - begin};
}

void FlatParameters::hold_weights(size_t unit) {
  weight_pages_[units_[unit].group]->hold(units_[unit].begin, units_[unit].count);
}

void FlatParameters::release_weights(size_t unit) {
  weight_pages_[units_[unit].group]->release(units_[unit].begin, units_[unit].count);
}

void FlatParameters::hold_grads(size_t unit) {
  grad_pages_[units_[unit].group]->hold(units_[unit].begin, units_[unit].count);
}

void FlatParameters::release_grads(size_t unit) {
  grad_pages_[units_[unit].group]->release(units_[unit].begin, units_[unit].count);
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

void FlatParameters::fill(
    const Which& which,
    const std::function<void(const ParameterSpec& spec, const at::Tensor& here)>& write) {
  const at::NoGradGuard no_grad;
  for (size_t i = 0; i < specs_.size(); ++i) {
    if (specs_[i].tied_to >= 0 || !which(specs_[i])) continue;
    const at::Tensor there = tensors_[i].detach();
    if (const auto stored = stored_.find(i); stored != stored_.end()) {
      const at::Tensor here = at::empty_like(there);
      write(specs_[i], here);
      stored->second->encode(here.const_data_ptr<float>());
      continue;
    }
    if (!sharding_.cuts_weights()) {
      const at::Tensor here = host_room(there);
      write(specs_[i], here);
      put_back(here, there);
      continue;
    }
    const OwnPart own = own_part(i);
    const at::Tensor here = host_room(there);
    const bool in_place = here.is_same(there);
    if (in_place) hold_weights(own.unit);
    write(specs_[i], here);
    own_weights_[own.unit]
        .narrow(0, own.in_slice, own.count)
        .copy_(here.view({-1}).narrow(0, own.offset, own.count));
    if (in_place) release_weights(own.unit);
  }
}

namespace {

bool is_models(const ParameterSpec& spec) { return !spec.adapter; }

}  // namespace

void FlatParameters::initialise(uint64_t seed) { draw(is_models, seed); }

void FlatParameters::initialise_adapters(uint64_t seed) {
  draw([](const ParameterSpec& spec) { return spec.adapter; }, seed);
}

void FlatParameters::draw(const Which& which, uint64_t seed) {
  at::Generator generator = at::detail::createCPUGenerator(seed);
  fill(which, [&](const ParameterSpec& spec, const at::Tensor& here) {
    at::Tensor w = here;  // drawn on the processor: equal on every device
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
  });
}

void FlatParameters::load(const Read& read, const ReadRows& read_rows) {
  std::set<std::string> there;
  if (read_rows)
    for (const auto& [index, matrix] : stored_)
      if (read_rows(specs_[index].name, matrix->encoding(), matrix->bytes()))
        there.insert(specs_[index].name);
  fill([&](const ParameterSpec& spec) { return is_models(spec) && !there.contains(spec.name); },
       [&](const ParameterSpec& spec, const at::Tensor& here) {
         read(spec.name, here.data_ptr<float>(), count_of(spec));
       });
}

void FlatParameters::load_trained(const Read& read) {
  fill([](const ParameterSpec& spec) { return spec.trainable || spec.adapter; },
       [&](const ParameterSpec& spec, const at::Tensor& here) {
         read(spec.name, here.data_ptr<float>(), count_of(spec));
       });
}

void FlatParameters::zero_grad() {
  grads_lent_ = false;
  if (sharding_.cuts_gradients()) {
    for (size_t u = 0; u < units_.size(); ++u)
      if (is_trained(u)) release_grads(u);
    return fill_zero(all_own_grads_);
  }
  for (Group& group : groups_)
    if (group.trainable)
      for_own_parts(group, [&](int64_t at, int64_t count) { fill_zero(group.grads, at, count); });
}

std::span<std::byte> FlatParameters::lend_grads() {
  std::span<std::byte> most;
  if (!sharding_.cuts_gradients())
    for (const at::Tensor& grads : kept_grads())
      if (const std::span<std::byte> bytes = host_bytes(grads); bytes.size() > most.size())
        most = bytes;
  grads_lent_ = !most.empty();
  return most;
}

double FlatParameters::grad_squares() const {
  const TraceScope trace("optimizer", "grad_norm");
  double squares = 0;
  for (const at::Tensor& grads : kept_grads()) squares = add_squares(squares, grads);
  return squares;
}

double FlatParameters::grad_norm() const { return std::sqrt(grad_squares()); }

void FlatParameters::scale_grad(double factor) {
  const TraceScope trace("optimizer", "clip");
  const at::NoGradGuard no_grad;
  for (at::Tensor& grads : kept_grads()) scale(grads, factor);
}

}  // namespace slipway
