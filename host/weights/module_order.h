// The order in which a model of transformers lists its parameters (named_parameters): it numbers
// the entries of optimizer.pt, and says which tensors share a shard.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace slipway {

// The indices of `names` in that order: layers by number; within a layer attention, feed-forward,
// norms; query, key, value, output. Parts that are not known stay as they are given, behind those
// that are.
std::vector<size_t> module_order(const std::vector<std::string>& names);

// Whether the Hugging Face Trainer's rule of names leaves weight decay on: not for biases and
// norms. (Its other rule, the module's type, is not in a name.)
bool decays_by_name(std::string_view name);

}  // namespace slipway
