// Weights that belong to the model, before any is read.
#include "model/check_weights.h"

#include <set>

#include "base/error.h"
#include "base/excerpt.h"
#include "base/log.h"

namespace slipway {
namespace {

// The name that the file has for it, too where that is another.
std::string told(const std::string& name, const TensorInfo& tensor) {
  return tensor.name == name ? excerpt(name)
                             : fmt::format("{} ({})", excerpt(tensor.name), excerpt(name));
}

void check_tie(const ParameterSpec& tied, const ParameterSpec& target,
               const ModelWeights& weights) {
  const TensorInfo &own = *weights.tensors.at(tied.name),
                   &shared = *weights.tensors.at(target.name);
  if (same_values(own, shared)) return;
  fail(
      "{}: config.json ties {} to {}, but the file holds other values for it; set "
      "\"tie_word_embeddings\": false in config.json to use them, or remove the tensor",
      weights.origin, tied.name, target.name);
}

[[noreturn]] void fail_unplaced(const std::vector<std::string>& unplaced,
                                const std::string& origin) {
  constexpr size_t kShown = 4;
  std::string list;
  for (size_t i = 0; i < std::min(kShown, unplaced.size()); ++i)
    list += (i == 0 ? "" : ", ") + unplaced[i];
  if (unplaced.size() > kShown) list += fmt::format(" and {} more", unplaced.size() - kShown);
  fail(
      "{}: the model has no place for {}: {}. The weights belong to another architecture, and "
      "without {} the model would be another one",
      origin, unplaced.size() == 1 ? "a tensor" : fmt::format("{} tensors", unplaced.size()), list,
      unplaced.size() == 1 ? "it" : "them");
}

}  // namespace

void check_weights(std::span<const ParameterSpec> parameters, const ModelWeights& weights) {
  std::set<std::string_view> placed;
  for (const ParameterSpec& spec : parameters) {
    placed.insert(spec.name);
    const auto found = weights.tensors.find(spec.name);
    if (found == weights.tensors.end() && spec.tied_to >= 0) continue;
    if (found == weights.tensors.end())
      fail_missing_tensor(spec.name, weights.names, weights.origin);
    if (found->second->shape != spec.shape)
      fail(
          "{}: tensor {} has the shape {}, the model needs {}; do config.json and the weights "
          "belong together?",
          weights.origin, told(spec.name, *found->second), shape_text(found->second->shape),
          shape_text(spec.shape));
  }
  for (const ParameterSpec& spec : parameters)
    if (spec.tied_to >= 0 && weights.tensors.contains(spec.name))
      check_tie(spec, parameters[static_cast<size_t>(spec.tied_to)], weights);
  std::vector<std::string> unplaced;
  for (const auto& [name, tensor] : weights.tensors)
    if (!placed.contains(name)) unplaced.push_back(told(name, *tensor));
  if (unplaced.empty()) return;
  if (weights.program.empty()) fail_unplaced(unplaced, weights.origin);
  log_warn("{}: {} tensors are not parameters of the program {}, and are not read, such as {}",
           weights.origin, unplaced.size(), weights.program.string(), unplaced[0]);
}

}  // namespace slipway
