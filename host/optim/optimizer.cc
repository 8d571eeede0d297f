// What all optimizers share, and choosing one by name.
#include "optim/optimizer.h"

#include <algorithm>

#include "base/error.h"
#include "base/nearest.h"
#include "base/trace.h"
#include "compute/parallel.h"
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

Optimizer::Optimizer(FlatParameters& parameters, const char* name)
    : parameters_(parameters), shared_(parameters.ranks() > 1), name_(name) {
  for (FlatParameters::Group& group : parameters.groups()) {
    if (!group.trainable) continue;
    groups_.push_back(&group);
    own_.push_back(group);
    if (!shared_) continue;
    const auto [begin, count] = parameters.slice(group, parameters.rank());
    own_.back().weights = group.weights.narrow(0, begin, count);
    own_.back().grads = group.grads.narrow(0, begin, count);
  }
}

void Optimizer::step(double learning_rate, double grad_scale) {
  const TraceScope trace("optimizer", name_);
  ++step_count_;
  for (size_t g = 0; g < own_.size(); ++g)
    update(own_[g], g, {learning_rate, grad_scale, step_count_});
}

void Optimizer::reset() {
  step_count_ = 0;
  for (Slot& slot : slots_)
    for (at::Tensor& buffer : slot.buffers) buffer.zero_();
}

at::Tensor Optimizer::state(const at::Tensor& weight, std::string_view slot) {
  const auto found = std::ranges::find(slots_, slot, &Slot::name);
  if (found == slots_.end()) {
    std::string kept;
    for (const Slot& each : slots_)
      kept += (kept.empty() ? "" : &each == &slots_.back() ? " and " : ", ") + each.name;
    fail("{} keeps {}, not \"{}\"", name_, kept.empty() ? "nothing" : kept, slot);
  }
  size_t at = 0;
  for (const FlatParameters::Group* group : groups_)
    for (const FlatParameters::Place& place : group->places) {
      const at::Tensor& view = found->views[at++];
      if (group->weights.const_data_ptr<float>() + place.offset != weight.const_data_ptr<float>())
        continue;
      if (shared_)
        fail("the {} of {} is shared by the ranks: none has all of a parameter's", slot, name_);
      if (!view.defined()) fail("{} keeps no {} of a parameter of this shape", name_, slot);
      return view;
    }
  fail("the parameter is not trained");
}

Optimizer::Slot Optimizer::whole_slot(const std::string& name) const {
  Slot slot{name, {}, {}};
  for (const FlatParameters::Group* group : groups_) {
    slot.buffers.push_back(at::zeros_like(group->weights));
    for (const FlatParameters::Place& place : group->places)
      slot.views.push_back(
          slot.buffers.back().narrow(0, place.offset, place.count).view(place.shape));
  }
  return slot;
}

size_t Optimizer::add_flat_slot(const std::string& name) {
  if (!shared_) {
    slots_.push_back(whole_slot(name));
    return slots_.size() - 1;
  }
  Slot slot{name, {}, {}};
  for (const FlatParameters::Group& own : own_) {
    slot.buffers.push_back(at::zeros_like(own.weights));
    slot.views.resize(slot.views.size() + own.places.size());
  }
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
  for (const Slot& slot : slots_) out.push_back(whole_slot(slot.name));
  return out;
}

void Optimizer::take_own(const std::vector<Slot>& whole) {
  for (size_t s = 0; s < slots_.size(); ++s)
    for (size_t g = 0; g < groups_.size(); ++g) {
      const auto [begin, count] = parameters_.slice(*groups_[g], parameters_.rank());
      slots_[s].buffers[g].copy_(whole[s].buffers[g].narrow(0, begin, count));
    }
}

std::vector<Optimizer::Slot> Optimizer::gathered(RankGroup& ranks) const {
  std::vector<Slot> out;
  for (const Slot& slot : slots_) {
    out.push_back(ranks.leads() ? whole_slot(slot.name) : Slot{slot.name, {}, {}});
    for (size_t g = 0; g < groups_.size(); ++g)
      for (int64_t rank = 0; rank < ranks.world(); ++rank) {
        const auto [begin, count] = parameters_.slice(*groups_[g], rank);
        if (count == 0) continue;
        at::Tensor part = rank == ranks.rank() ? slot.buffers[g]
                          : ranks.leads()      ? out.back().buffers[g].narrow(0, begin, count)
                                               : at::empty({count}, slot.buffers[g].options());
        ranks.broadcast(part, rank, "the optimizer's state");
        if (ranks.leads() && rank == ranks.rank())
          out.back().buffers[g].narrow(0, begin, count).copy_(part);
      }
  }
  return out;
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
