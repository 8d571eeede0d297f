// What all optimizers share, and choosing one by name.
#include "optim/optimizer.h"

#include <algorithm>

#include "base/error.h"
#include "base/nearest.h"
#include "base/trace.h"
#include "compute/parallel.h"
#include "operators/accelerator/device_tensors.h"
#include "optim/optimizers.h"

namespace slipway {
namespace {

struct Known {
  const char* name;
  const char* is;  // the optimizer that stands behind it
};
constexpr Known kKnown[] = {
    {"adamw_torch", "adamw"}, {"adamw_torch_fused", "adamw"}, {"adamw", "adamw"},
    {"adamw_hf", "adamw"},    {"adamw_apex_fused", "adamw"},  {"sgd", "sgd"},
    {"adagrad", "adagrad"},   {"rmsprop", "rmsprop"},         {"adafactor", "adafactor"},
    {"lion", "lion"},         {"lion_32bit", "lion"}};

std::string refusal(const std::string& name) {
  const auto has = [&](const char* part) { return name.find(part) != std::string::npos; };
  if (has("8bit") || has("4bit") || has("paged") || has("_bnb"))
    return "its state would be kept in few bits by bitsandbytes; here state is float32: use "
           "adamw_torch, lion_32bit or rmsprop";
  if (has("galore") || has("apollo") || has("lomo") || has("schedule_free") || has("ademamix") ||
      has("grokadamw") || has("stable_adamw") || has("anyprecision") || has("xla") || has("npu"))
    return "it comes from a Python package of its own: use one of adamw_torch, adafactor, "
           "lion_32bit, sgd, adagrad, rmsprop";
  return "";
}

}  // namespace

Optimizer::Optimizer(FlatParameters& parameters, const OptimizerSettings& settings,
                     const char* name)
    : parameters_(parameters), shared_(parameters.sharding().cuts_updates()), name_(name) {
  for (FlatParameters::Group& group : parameters.groups())
    if (group.trainable) groups_.push_back(&group);
  if (!shared_)
    for (const FlatParameters::Group* group : groups_) own_.push_back(*group);
  for (size_t unit = 0; shared_ && unit < parameters.units().size(); ++unit) {
    if (!parameters.is_trained(unit)) continue;
    own_units_.push_back(unit);
    const FlatParameters::Group& group = parameters.groups()[parameters.units()[unit].group];
    own_.push_back(
        {group.decay, true, parameters.own_weights(unit), parameters.own_grads(unit), {}});
  }
  if (settings.offloaded) offload();
}

void Optimizer::offload() {
  there_ = own_;
  for (FlatParameters::Group& own : own_) {
    own.weights = host_room(own.weights.detach());
    own.grads = host_room(own.grads);
  }
}

void Optimizer::step(double learning_rate, double grad_scale) {
  const TraceScope trace("optimizer", name_);
  ++step_count_;
  const at::NoGradGuard no_grad;
  for (size_t g = 0; g < own_.size(); ++g) {
    if (!there_.empty()) {  // others change weights too: a checkpoint that is loaded, callbacks
      own_[g].weights.copy_(there_[g].weights);
      own_[g].grads.copy_(there_[g].grads);
    }
    update(own_[g], g, {learning_rate, grad_scale, step_count_});
    if (!there_.empty()) put_back(own_[g].weights, there_[g].weights);
  }
}

void Optimizer::reset() {
  step_count_ = 0;
  for (Slot& slot : slots_)
    for (at::Tensor& buffer : slot.buffers) buffer.zero_();
}

size_t Optimizer::slot_number(std::string_view slot) const {
  const auto found = std::ranges::find(slots_, slot, &Slot::name);
  if (found != slots_.end()) return static_cast<size_t>(found - slots_.begin());
  std::string kept;
  for (const Slot& each : slots_)
    kept += (kept.empty() ? "" : &each == &slots_.back() ? " and " : ", ") + each.name;
  fail("{} keeps {}, not \"{}\"", name_, kept.empty() ? "nothing" : kept, slot);
}

at::Tensor Optimizer::state(const at::Tensor& weight, std::string_view slot) {
  const Slot& of = slots_[slot_number(slot)];
  if (shared_)
    fail("the {} of {} is shared by the ranks: none has all of a parameter's", slot, name_);
  size_t at = 0;
  for (const FlatParameters::Group* group : groups_)
    for (const FlatParameters::Place& place : group->places) {
      const at::Tensor& view = of.views[at++];
      if (group->weights.const_data_ptr<float>() + place.offset != weight.const_data_ptr<float>())
        continue;
      if (!view.defined()) fail("{} keeps no {} of a parameter of this shape", name_, slot);
      return view;
    }
  fail("the parameter is not trained");
}

void Optimizer::add_views(Slot& slot) const {
  for (size_t g = 0; g < groups_.size(); ++g)
    for (const FlatParameters::Place& place : groups_[g]->places)
      slot.views.push_back(slot.buffers[g].narrow(0, place.offset, place.count).view(place.shape));
}

size_t Optimizer::add_flat_slot(const std::string& name) {
  Slot slot{name, {}, {}};
  for (const FlatParameters::Group& own : own_) slot.buffers.push_back(at::zeros_like(own.weights));
  if (!shared_) add_views(slot);
  slots_.push_back(std::move(slot));
  return slots_.size() - 1;
}

void Optimizer::require_whole() const {
  if (shared_)
    fail(
        "{} goes by rows and columns of parameters, and updates are shared by slices of the "
        "weights; use adamw_torch, lion_32bit, sgd, adagrad or rmsprop",
        name_);
}

std::vector<Optimizer::Slot> Optimizer::whole_slots() const {
  std::vector<Slot> out;
  for (const Slot& slot : slots_) {
    Slot whole{slot.name, {}, {}};
    for (const FlatParameters::Group* group : groups_)
      whole.buffers.push_back(
          PageBuffer(group->weights.numel(), PageBuffer::Released::kZeros, "the optimizer's state")
              .values());
    add_views(whole);
    out.push_back(std::move(whole));
  }
  return out;
}

at::Tensor Optimizer::own_slice(size_t slot, size_t unit) const {
  const auto found = std::ranges::find(own_units_, unit);
  if (found == own_units_.end()) return {};
  return slots_[slot].buffers[static_cast<size_t>(found - own_units_.begin())];
}

Optimizer::OwnState Optimizer::own_state(size_t slot, size_t index) const {
  if (shared_) {
    const FlatParameters::OwnPart own = parameters_.own_part(index);
    return {own_slice(slot, own.unit).narrow(0, own.in_slice, own.count), own.offset};
  }
  size_t view = 0;
  for (const FlatParameters::Group* group : groups_)
    for (const FlatParameters::Place& place : group->places) {
      const at::Tensor& found = slots_[slot].views[view++];
      if (place.index == index && found.defined()) return {found.view({-1})};
    }
  return {};
}

const std::vector<std::string>& optimizer_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> out;
    for (const Known& known : kKnown) out.emplace_back(known.name);
    return out;
  }();
  return names;
}

std::unique_ptr<Optimizer> make_optimizer(FlatParameters& parameters,
                                          const OptimizerSettings& settings) {
  const auto* known = std::ranges::find(kKnown, settings.name,
                                        [](const Known& each) { return std::string(each.name); });
  if (known == std::end(kKnown)) {
    const std::string why = refusal(settings.name);
    fail("there is no optimizer \"{}\"{}", settings.name,
         why.empty() ? did_you_mean(settings.name, optimizer_names()) : ": " + why);
  }
  const std::string is = known->is;
  OptimizerOptions options(settings.name, settings.options);
  std::unique_ptr<Optimizer> out;
  if (is == "adamw") out = make_adamw(parameters, settings);
  if (is == "sgd") out = make_sgd(parameters, settings, options);
  if (is == "adagrad") out = make_adagrad(parameters, settings, options);
  if (is == "rmsprop") out = make_rmsprop(parameters, settings, options);
  if (is == "adafactor") out = make_adafactor(parameters, settings);
  if (is == "lion") out = make_lion(parameters, settings);
  options.done();
  return out;
}

double state_bytes_per_weight(const OptimizerSettings& settings) {
  FlatParameters matrix({{"w", {64, 64}}});
  const std::unique_ptr<Optimizer> optimizer = make_optimizer(matrix, settings);
  int64_t values = 0;
  for (const Optimizer::Slot& slot : optimizer->slots())
    for (const at::Tensor& buffer : slot.buffers) values += buffer.numel();
  return static_cast<double>(values) * sizeof(float) / (64 * 64);
}

}  // namespace slipway
