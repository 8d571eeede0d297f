// Asking and giving.
#include "loop/whole_values.h"

#include <algorithm>

#include "base/error.h"

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

void WholeValues::bring(const void* values) {
  const Wanted wanted = wanted_at(static_cast<const float*>(values));
  if (wanted.what == kNothing || wanted == here_) return;
  release();
  give(wanted);
  here_ = wanted;
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
    const auto unit = static_cast<size_t>(wanted.unit);
    const at::Tensor own = wanted.what == kWeights
                               ? parameters_.own_weights(unit)
                               : optimizer_.own_slice(static_cast<size_t>(wanted.what), unit);
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
  const auto unit = static_cast<size_t>(wanted.unit);
  if (wanted.what == kWeights) parameters_.hold_weights(unit);
  const at::Tensor own = wanted.what == kWeights
                             ? parameters_.own_weights(unit)
                             : optimizer_.own_slice(static_cast<size_t>(wanted.what), unit);
  ranks_.within.begin_all_gather(own, whole_of(wanted), "what rank 0 writes")->wait();
}

void WholeValues::release() {
  if (here_.what == kWeights) parameters_.release_weights(static_cast<size_t>(here_.unit));
  else if (here_.what != kNothing) give_pages_back(whole_of(here_));
  here_ = {};
}

}  // namespace slipway
