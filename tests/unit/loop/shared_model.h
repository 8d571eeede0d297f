// A small model of three segments to share a step of, its batch, and the gradients of one rank.
#pragma once
#include <cstdint>
#include <vector>

#include "loop/loss.h"
#include "operators/linear.h"
#include "operators/operators.h"
#include "tests/unit/plain_model.h"

namespace slipway {

using SharedWeights = PlainModel::Weights;
constexpr int64_t kSharedVocab = 37, kSharedHidden = 12;

// A unit for each segment.
inline const Sharding kEachSegment{.fewest = 1};

inline PlainModel::Segment shared_embed() {
  return [](const SharedWeights& w, const at::Tensor& ids, int64_t) {
    return slipway::embedding(w[0], ids);
  };
}
inline PlainModel::Segment shared_block() {
  return [](const SharedWeights& w, const at::Tensor& x, int64_t) {
    return x + at::tanh(slipway::linear(x, w[1]));
  };
}
inline PlainModel::Segment shared_head() {
  return
      [](const SharedWeights& w, const at::Tensor& x, int64_t) { return slipway::linear(x, w[2]); };
}
inline std::vector<PlainModel::Parameter> declared(int32_t of_block = 1) {
  return {{"embedding", {kSharedVocab, kSharedHidden}, 0},
          {"block", {kSharedHidden, kSharedHidden}, of_block},
          {"head", {kSharedVocab, kSharedHidden}, 2}};
}

inline PackedBatch shared_batch() {
  static const std::vector<Example> examples = {{{1, 5, 9, 30, 2}, 1}, {{3, 3, 17}, 0}};
  return pack(std::vector<const Example*>{&examples[0], &examples[1]});
}

inline at::Tensor gradients_of(const Model& model) {
  std::vector<at::Tensor> all;
  for (const FlatParameters::Group& group : model.parameters().groups()) all.push_back(group.grads);
  return at::cat(all).clone();
}

inline at::Tensor own_gradients(Model& model) {
  model.parameters().zero_grad();
  loss_backward(model, shared_batch(), 7);
  return gradients_of(model);
}

}  // namespace slipway
