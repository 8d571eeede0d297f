// The starting model beside the policy: what the KL term of the ranking is measured against.
#pragma once
#include <optional>
#include <span>
#include <vector>

#include "data/packing.h"
#include "model/model.h"
#include "operators/flat_buffers.h"
#include "raft/raft.h"
#include "raft/select.h"

namespace slipway {

// Sum of log p over the label tokens of each example, without gradients. [loop]
std::vector<double> sequence_logprobs(Model& model, std::span<const Example> examples);

class ReferenceModel {
 public:
  // Copies the model's weights as they are now: of one that trains adapters those that are trained
  // beside them, if any, for without adapters it is the starting model itself. Throws Error.
  explicit ReferenceModel(const Model& model);

  // sequence_logprobs() under the copied weights; the model has its own back afterwards, also when
  // this throws. [loop]
  std::vector<double> logprobs(Model& model, std::span<const Example> examples);

 private:
  void swap(Model& model);
  std::vector<at::Tensor> weights_;  // one a group
  std::optional<ContentsSwap> contents_;
};

// The paper's regularised ranking of answers to `prompts`: reward - beta * log(p / p0),
// log-probabilities summed over the answer's tokens. `sampled`: Answer::logprob is log p; else the
// answers were drawn with rounded weights, and it is computed. [loop]
void rank_by_kl(ReferenceModel& reference, Model& model, std::span<const Prompt* const> prompts,
                double beta, bool sampled, std::vector<Answer>& answers);

}  // namespace slipway
