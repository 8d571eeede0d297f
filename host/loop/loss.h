// The loss of a packed batch, with and without its gradients.
#pragma once
#include <functional>

#include "data/packing.h"
#include "loop/embedding_noise.h"
#include "model/model.h"

namespace slipway {

class LossPlugin;

// Rows whose logits exist at once.
constexpr int64_t kHeadRows = 512;
// The same while training. A device passes over the head's weights and their gradients once for
// each such part, so it takes as many rows as 2 GiB of logits are, never fewer than kHeadRows.
int64_t training_head_rows(int64_t vocab);

// What a step minimises.
struct Objective {
  double label_smoothing = 0;  // share of the loss that is the mean of -log p over the vocabulary
  EmbeddingNoise noise;        // in loss_backward() alone
  const LossPlugin* plugin = nullptr;  // says what label tokens cost, instead of -log p
  const int64_t* step = nullptr;       // optimizer steps done, for the plugin
  double scale = 1;                    // of the gradients, in loss_backward()
};

// Calls each(logits [n, V], first) with the batch's label tokens from `first` on, at most kHeadRows
// at a time; nothing is recorded, and the logits are each()'s to spoil. [loop]
void for_label_logits(Model& model, const PackedBatch& batch,
                      const std::function<void(at::Tensor& logits_NV, int64_t first)>& each);

// Log-probabilities [N] of the batch's label tokens, in their order; nothing is recorded. [loop]
at::Tensor label_logprobs(Model& model, const PackedBatch& batch);

// Sum of the losses of the batch's label tokens. [loop]
double loss_sum(Model& model, const PackedBatch& batch, const Objective& objective = {});

// Adds the gradients of scale * loss_sum / labels to the model's; returns loss_sum. The logits of
// the whole batch never exist at once: the head goes forward and back chunk by chunk, then the rest
// goes back. [loop]
double loss_backward(Model& model, const PackedBatch& batch, int64_t labels,
                     const Objective& objective = {});

}  // namespace slipway
