// Counting pages.
#include "loop/kept_memory.h"

#include "base/error.h"
#include "operators/flat_buffers.h"

namespace slipway {
namespace {

double bytes_of_slots(const std::vector<Optimizer::Slot>& slots) {
  int64_t bytes = 0;
  for (const Optimizer::Slot& slot : slots)
    for (const at::Tensor& buffer : slot.buffers) bytes += bytes_in_memory(buffer);
  return static_cast<double>(bytes);
}

// Of the group's buffers, and of the slices beside them.
int64_t bytes_of_buffers(const FlatParameters& parameters, bool gradients) {
  int64_t bytes = 0;
  for (const FlatParameters::Group& group : parameters.groups())
    if (gradients && group.trainable) bytes += bytes_in_memory(group.grads);
    else if (!gradients && !group.stored) bytes += bytes_in_memory(group.weights);
  if (!gradients) bytes += parameters.stored_bytes();
  const Sharding& sharding = parameters.sharding();
  if (gradients ? !sharding.cuts_gradients() : !sharding.cuts_weights()) return bytes;
  for (size_t unit = 0; unit < parameters.units().size(); ++unit)
    if (!gradients) bytes += bytes_in_memory(parameters.own_weights(unit));
    else if (parameters.is_trained(unit)) bytes += bytes_in_memory(parameters.own_grads(unit));
  return bytes;
}

}  // namespace

Json kept_memory(const RankGrid& ranks, const FlatParameters& parameters, Optimizer& optimizer) {
  const at::Tensor most = at::tensor(
      {static_cast<double>(bytes_of_buffers(parameters, false)),
       static_cast<double>(bytes_of_buffers(parameters, true)), bytes_of_slots(optimizer.slots())},
      at::kDouble);
  ranks.all.all_reduce(most, Reduction::kMax, "what ranks keep in memory");
  const double* const bytes = most.const_data_ptr<double>();
  return {{"memory_weights_bytes", bytes[0]},
          {"memory_gradients_bytes", bytes[1]},
          {"memory_optimizer_bytes", bytes[2]}};
}

std::string kept_memory_text(const Json& kept, const Sharding& sharding) {
  const auto mib = [&](const char* key) { return kept.at(key).get<double>() / 0x1p20; };
  return fmt::format(
      "a rank keeps {:.1f} MiB of weights, {:.1f} of gradients and {:.1f} of the optimizer's state "
      "between steps (train.zero_stage = {}, cut among {})",
      mib("memory_weights_bytes"), mib("memory_gradients_bytes"), mib("memory_optimizer_bytes"),
      sharding.stage, sharding.ranks);
}

}  // namespace slipway
