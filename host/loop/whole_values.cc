// Asking and giving.
#include "loop/whole_values.h"

#include <algorithm>

#include "base/error.h"
#include "operators/accelerator/device_tensors.h"

namespace slipway {

WholeValues::WholeValues(const RankGrid& ranks, Model& model, const Optimizer& optimizer)
    : ranks_(ranks), parameters_(model.parameters()), optimizer_(optimizer) {
  if (optimizer.is_shared() && ranks.all.leads()) slots_ = optimizer.whole_slots();
}

WholeValues::Wanted WholeValues::wanted_at(const float* values) const {
  if (const std::optional<size_t> unit = parameters_.unit_at(values))
    return parameters_.sharding().cuts_weights() ? Wanted{kWeights, static_cast<int64_t>(*unit)}
                                                 : Wanted{};
  for (size_t s = 0; s < slots_.size(); ++s)
    for (size_t u = 0; u < parameters_.units().size(); ++u) {
      if (!parameters_.is_trained(u)) continue;
      const Wanted wanted{static_cast<int64_t>(s), static_cast<int64_t>(u)};
      const at::Tensor whole = whole_of(wanted);
      const auto* begin = static_cast<const float*>(whole.const_data_ptr());
      if (values >= begin && values < begin + whole.numel()) return wanted;
    }
  return {};
}

at::Tensor WholeValues::whole_of(const Wanted& wanted) const {
  const auto unit = static_cast<size_t>(wanted.unit);
  if (wanted.what == kWeights) return parameters_.weights_of(unit);
  const ParameterUnit& of = parameters_.units()[unit];
  size_t trained_group = 0;
  for (size_t g = 0; g < of.group; ++g) trained_group += parameters_.groups()[g].trainable ? 1 : 0;
  return slots_[static_cast<size_t>(wanted.what)].buffers[trained_group].narrow(0, of.begin,
                                                                                of.count);
}

// Whole weights are where models compute, whole state is the processor's.
at::Tensor WholeValues::own_of(const Wanted& wanted) const {
  const auto unit = static_cast<size_t>(wanted.unit);
  if (wanted.what == kWeights) return parameters_.own_weights(unit);
  return on_host(optimizer_.own_slice(static_cast<size_t>(wanted.what), unit));
}

void WholeValues::bring(const void* values) {
  const Wanted wanted = wanted_at(static_cast<const float*>(values));
  if (wanted.what == kNothing || wanted == here_) return;
  release();
  give(wanted);
  here_ = wanted;
}

BeforeReading WholeValues::before_reading() {
  return [this](const void* values) { bring(values); };
}

HostValues WholeValues::host_values() {
  return [bring = before_reading()](const at::Tensor& tensor) {
    return brought_to_host(tensor, bring);
  };
}

void WholeValues::done() {
  release();
  if (parameters_.sharding().cuts_updates()) give({});
}

void WholeValues::serve() {
  if (!parameters_.sharding().cuts_updates() || !ranks_.with_rank_0) return;
  for (;;) {
    const at::Tensor asked = at::empty({2}, at::kLong);
    ranks_.within.broadcast(asked, 0, "what rank 0 writes");
    const auto* values = asked.const_data_ptr<int64_t>();
    const Wanted wanted{values[0], values[1]};
    if (wanted.what == kNothing) return;
    if (wanted.what == kSlices) {
      write_own_slices(ranks_.within.from_lead("", "where slices are written"), wanted.unit != 0);
      continue;
    }
    const at::Tensor own = own_of(wanted);
    ranks_.within
        .begin_all_gather(own, at::empty({own.numel() * ranks_.within.world()}, own.options()),
                          "what rank 0 writes")
        ->wait();
  }
}

void WholeValues::give(const Wanted& wanted) {
  ranks_.within.broadcast(at::tensor({wanted.what, wanted.unit}, at::kLong), 0,
                          "what rank 0 writes");
  if (wanted.what == kNothing) return;
  if (wanted.what == kWeights) parameters_.hold_weights(static_cast<size_t>(wanted.unit));
  ranks_.within.begin_all_gather(own_of(wanted), whole_of(wanted), "what rank 0 writes")->wait();
}

bool WholeValues::slices_weights() const {
  return parameters_.sharding().cuts_weights() &&
         std::ranges::none_of(parameters_.specs(), &ParameterSpec::adapter);
}

void WholeValues::write_slices(const fs::path& folder, bool with_state) {
  release();
  ranks_.within.broadcast(at::tensor({kSlices, int64_t{with_state}}, at::kLong), 0,
                          "what rank 0 writes");
  write_own_slices(ranks_.within.from_lead(folder.string(), "where slices are written"),
                   with_state);
  write_slice_table(folder / kSliceTable, slice_table(with_state));
}

// What a rank could not write is known to all before the table is.
void WholeValues::write_own_slices(const std::string& folder, bool with_state) {
  std::vector<FloatTensor> tensors;
  std::vector<at::Tensor> here;  // owns what they point to
  const auto add = [&](const std::string& name, const at::Tensor& values) {
    here.push_back(on_host(values));
    tensors.push_back({name, {values.numel()}, here.back().const_data_ptr<float>()});
  };
  for (size_t i = 0; i < parameters_.specs().size(); ++i) {
    const ParameterSpec& spec = parameters_.specs()[i];
    if (spec.tied_to >= 0) continue;
    const FlatParameters::OwnPart part = parameters_.own_part(i);
    if (part.count == 0) continue;
    if (slices_weights())
      add(spec.name, parameters_.own_weights(part.unit).narrow(0, part.in_slice, part.count));
    for (size_t s = 0; with_state && spec.trainable && s < optimizer_.slots().size(); ++s)
      add(slice_name(spec.name, optimizer_.slots()[s].name), optimizer_.own_state(s, i).values);
  }
  std::string problem;
  try {
    write_safetensors(
        fs::path(folder) / slice_file_name(ranks_.within.rank(), ranks_.within.world()), tensors);
  } catch (const Error& e) {
    problem = e.what();
  }
  for (const std::string& each : ranks_.within.all_gather_bytes(problem, "who wrote its slices"))
    if (!each.empty()) fail("{}", each);
}

SliceTable WholeValues::slice_table(bool with_state) const {
  SliceTable out;
  const int64_t ranks = ranks_.within.world();
  for (int64_t rank = 0; rank < ranks; ++rank) out.files.push_back(slice_file_name(rank, ranks));
  out.weights = slices_weights();
  if (with_state)
    for (const Optimizer::Slot& slot : optimizer_.slots()) out.slots.push_back(slot.name);
  for (size_t i = 0; i < parameters_.specs().size(); ++i) {
    const ParameterSpec& spec = parameters_.specs()[i];
    if (spec.tied_to >= 0 || (!spec.trainable && !out.weights)) continue;
    SliceTable::Parameter& parameter = out.of[spec.name];
    parameter.shape = spec.shape;
    parameter.trained = spec.trainable;
    for (int64_t rank = 0; rank < ranks; ++rank) {
      const FlatParameters::OwnPart part = parameters_.part_of(i, rank);
      parameter.slices.push_back({part.offset, part.count});
    }
  }
  return out;
}

void WholeValues::release() {
  if (here_.what == kWeights) parameters_.release_weights(static_cast<size_t>(here_.unit));
  else if (here_.what != kNothing) give_pages_back(whole_of(here_));
  here_ = {};
}

}  // namespace slipway
