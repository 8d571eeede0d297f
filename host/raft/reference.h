// The starting model beside the policy: what the KL term of the ranking is measured against.
#pragma once
#include <optional>
#include <span>
#include <vector>

#include "data/packing.h"
#include "model/model.h"
#include "operators/flat_buffers.h"

namespace slipway {

// Sum of log p over the label tokens of each example, without gradients. [loop]
std::vector<double> sequence_logprobs(Model& model, std::span<const Example> examples);

class ReferenceModel {
 public:
  // Copies the model's weights as they are now. Throws Error.
  explicit ReferenceModel(const Model& model);

  // sequence_logprobs() under the copied weights; the model has its own back afterwards, also when
  // this throws. [loop]
  std::vector<double> logprobs(Model& model, std::span<const Example> examples);

 private:
  void swap(Model& model);
  std::vector<at::Tensor> weights_;  // one a group
  std::optional<ContentsSwap> contents_;
};

}  // namespace slipway
