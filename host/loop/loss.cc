// Forward and backward of a packed batch.
#include "loop/loss.h"

#include <memory>

#include "base/error.h"
#include "base/trace.h"
#include "loop/plugin_loss.h"
#include "operators/accelerator/device_tensors.h"
#include "operators/linear.h"
#include "operators/operators.h"
#include "operators/out_of_memory.h"
#include "operators/running_sum.h"

namespace slipway {
namespace {

AttentionContext context_of(const PackedBatch& batch) {
  std::vector<PrefixTree> trees;
  for (const std::vector<TokenSpan>& spans : batch.trees) {
    PrefixTree tree;
    for (const TokenSpan& span : spans) tree.runs.push_back({span.begin, span.length});
    trees.push_back(std::move(tree));
  }
  return AttentionContext::packed(std::move(trees), static_cast<int64_t>(batch.ids.size()));
}

at::Tensor hidden_states(Model& model, const PackedBatch& batch) {
  const AttentionContext context = context_of(batch);
  return model.hidden(int64_tensor(batch.ids), int64_tensor(batch.positions), context, false);
}

// The same, recorded. `context` outlives the backward pass.
at::Tensor training_states(Model& model, const PackedBatch& batch, const AttentionContext& context,
                           const EmbeddingNoise& noise) {
  const at::Tensor positions_T = int64_tensor(batch.positions);
  if (model.in_one_piece()) at::manual_seed(dropout_seed(noise, batch));
  else if (!model.adapters().empty()) model.seed_dropout(dropout_seed(noise, batch));
  at::Tensor x_TD = model.embedded(int64_tensor(batch.ids), positions_T, context, true);
  if (noise.alpha > 0) x_TD = x_TD + embedding_noise(noise, batch, x_TD.size(1)).to(x_TD.options());
  return model.blocks(x_TD, positions_T, context, true);
}

// Where the gradient of the logits may be written: over the logits themselves where the head ends
// in the host's product, which needs them no more; a copy where a node of the head may have kept
// its output (tanh, log_softmax), or where rows do not lie end to end.
at::Tensor place_of_gradient(const at::Tensor& logits_NV) {
  at::Tensor out = logits_NV.detach();
  if (!comes_from_linear(logits_NV) || !out.is_contiguous())
    return out.clone(at::MemoryFormat::Contiguous);
  out.unsafeGetTensorImpl()->bump_version();  // who kept them all the same is told by autograd
  return out;
}

// What goes wrong in the backward pass is the model's: its operators are.
template <class Work>
void in_backward(const Work& work) {
  try {
    work();
  } catch (const c10::Error& e) {
    if (tells_of_memory(e.what_without_backtrace())) throw;
    fail("the model's backward pass failed: {}", e.what_without_backtrace());
  }
}

// Hidden states [N, d] of the tokens that carry loss. The head runs on those only: with short
// completions most of its work falls away.
at::Tensor label_rows(const at::Tensor& hidden_TD, const at::Tensor& rows_N) {
  const at::Tensor all_TD = hidden_TD.detach();
  return all_TD.scalar_type() == at::kFloat && all_TD.dim() == 2
             ? slipway::embedding(all_TD, rows_N)
             : all_TD.index_select(0, rows_N);
}

// Most batches are one part.
at::Tensor part(const at::Tensor& rows, int64_t first, int64_t count) {
  return first == 0 && count == rows.size(0) ? rows : rows.narrow(0, first, count);
}

at::Tensor logprobs(Model& model, const PackedBatch& batch, double smoothing) {
  const at::Tensor targets_N = int64_tensor(batch.targets);
  at::Tensor logprobs_N = at::empty(targets_N.sizes(), targets_N.options().dtype(at::kFloat));
  for_label_logits(model, batch, [&](const at::Tensor& logits_NV, int64_t first) {
    const int64_t count = logits_NV.size(0);
    logprobs_N.narrow(0, first, count)
        .copy_(token_logprobs(logits_NV, targets_N.narrow(0, first, count), 0, nullptr, smoothing));
  });
  return logprobs_N;
}

// nullptr: the loss is the host's own.
std::unique_ptr<PluginLoss> plugin_loss(const Objective& objective, const PackedBatch& batch,
                                        int64_t labels, bool evaluation) {
  if (objective.plugin == nullptr) return nullptr;
  return std::make_unique<PluginLoss>(*objective.plugin, batch, labels,
                                      objective.step != nullptr ? *objective.step : 0, evaluation);
}

}  // namespace

int64_t training_head_rows(int64_t vocab) {
  constexpr int64_t kLogits = (int64_t{2} << 30) / 4;
  if (accelerator() == nullptr || vocab <= 0) return kHeadRows;
  return std::max<int64_t>(1, kLogits / vocab / kHeadRows) * kHeadRows;
}

void for_label_logits(Model& model, const PackedBatch& batch,
                      const std::function<void(at::Tensor& logits_NV, int64_t first)>& each) {
  const at::NoGradGuard no_grad;
  const at::Tensor hidden_ND = label_rows(hidden_states(model, batch), int64_tensor(batch.rows));
  for (int64_t first = 0; first < hidden_ND.size(0); first += kHeadRows) {
    at::Tensor logits_NV = model.logits(
        hidden_ND.narrow(0, first, std::min(kHeadRows, hidden_ND.size(0) - first)), false);
    each(logits_NV, first);
  }
}

at::Tensor label_logprobs(Model& model, const PackedBatch& batch) {
  return logprobs(model, batch, 0);
}

double loss_sum(Model& model, const PackedBatch& batch, const Objective& objective) {
  const auto labels = static_cast<int64_t>(batch.targets.size());
  const std::unique_ptr<PluginLoss> own = plugin_loss(objective, batch, labels, true);
  if (!own) return -sum_of(logprobs(model, batch, objective.label_smoothing));
  double mean = 0;
  for_label_logits(model, batch, [&](at::Tensor& logits_NV, int64_t first) {
    mean += own->of(logits_NV, first);
  });
  return mean * static_cast<double>(labels);
}

double loss_backward(Model& model, const PackedBatch& batch, int64_t labels,
                     const Objective& objective) {
  const AttentionContext context = context_of(batch);
  const at::Tensor hidden_TD = training_states(model, batch, context, objective.noise),
                   rows_N = int64_tensor(batch.rows), hidden_ND = label_rows(hidden_TD, rows_N),
                   targets_N = int64_tensor(batch.targets);
  const double coefficient = -objective.scale / static_cast<double>(labels);
  const std::unique_ptr<PluginLoss> own = plugin_loss(objective, batch, labels, false);
  // rows end to end, however the model's lie
  at::Tensor grad_TD = at::zeros(hidden_TD.sizes(), hidden_TD.options());
  double sum = 0;
  RunningSum logprobs;
  const int64_t together = training_head_rows(model.info().vocab_size);
  for (int64_t first = 0; first < targets_N.numel(); first += together) {
    const int64_t count = std::min(together, targets_N.numel() - first);
    const at::Tensor chunk_ND = part(hidden_ND, first, count).detach().requires_grad_(true);
    const at::Tensor logits_NV = model.logits(chunk_ND, true);
    if (!logits_NV.requires_grad())
      fail(
          "the model's head gives logits that autograd did not record: it must compute them from "
          "its input while training");
    at::Tensor grad_NV = place_of_gradient(logits_NV);
    if (own) {
      sum += own->of(grad_NV, first) * static_cast<double>(labels);
      if (objective.scale != 1) grad_NV.mul_(objective.scale);
    } else {
      logprobs.add(token_logprobs(grad_NV, part(targets_N, first, count), coefficient, &grad_NV,
                                  objective.label_smoothing));
    }
    {
      const TraceScope trace("loop", "head backward");
      in_backward([&] { logits_NV.backward(grad_NV); });
    }
    if (!chunk_ND.grad().defined())
      fail("the model's head gives logits that do not depend on the hidden states");
    // A token that several examples go on from is there several times.
    add_rows(chunk_ND.grad().contiguous(), part(rows_N, first, count), grad_TD.size(0),
             grad_TD.data_ptr<float>());
  }
  const TraceScope trace("loop", "backward");
  if (hidden_TD.requires_grad()) in_backward([&] { hidden_TD.backward(grad_TD); });
  return sum - logprobs.value();  // the first thing here that waits for a device
}

}  // namespace slipway
