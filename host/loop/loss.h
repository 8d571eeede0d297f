// The loss of a packed batch, with and without its gradients.
#pragma once
#include "data/packing.h"
#include "model/model.h"

namespace slipway {

// Rows whose logits exist at once.
constexpr int64_t kHeadRows = 256;

// Log-probabilities [N] of the batch's label tokens, in their order; nothing is recorded. [loop]
at::Tensor label_logprobs(Model& model, const PackedBatch& batch);

// Sum of -log p over the batch's label tokens. [loop]
double loss_sum(Model& model, const PackedBatch& batch);

// Adds the gradients of loss_sum / labels to the model's; returns loss_sum. The logits of the whole batch never exist at once:
// the head goes forward and back chunk by chunk, then the rest goes back. [loop]
double loss_backward(Model& model, const PackedBatch& batch, int64_t labels);

}  // namespace slipway
