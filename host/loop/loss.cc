// Forward and backward of a packed batch.
#include "loop/loss.h"

#include "base/trace.h"
#include "device/linear.h"
#include "device/operators.h"

namespace slipway {
namespace {

AttentionContext context_of(const PackedBatch& batch) {
  std::vector<SegmentTree> trees;
  for (const std::vector<TokenSpan>& spans : batch.trees) {
    SegmentTree tree;
    for (const TokenSpan& span : spans) tree.segments.push_back({span.begin, span.length});
    trees.push_back(std::move(tree));
  }
  return AttentionContext::packed(std::move(trees), static_cast<int64_t>(batch.ids.size()));
}

at::Tensor hidden_states(Model& model, const PackedBatch& batch, bool training) {
  const AttentionContext context = context_of(batch);
  return model.hidden(int64_tensor(batch.ids), int64_tensor(batch.positions), context, training);
}

// Hidden states [N, d] of the tokens that carry loss. The head runs on those only: with short completions most of its work
// falls away.
at::Tensor label_rows(const at::Tensor& hidden_TD, const at::Tensor& rows_N) { return hidden_TD.detach().index_select(0, rows_N); }

}  // namespace

at::Tensor label_logprobs(Model& model, const PackedBatch& batch) {
  const at::NoGradGuard no_grad;
  const at::Tensor hidden_ND = label_rows(hidden_states(model, batch, false), int64_tensor(batch.rows)), targets_N = int64_tensor(batch.targets);
  at::Tensor logprobs_N = at::empty({targets_N.numel()}, hidden_ND.options());
  for (int64_t first = 0; first < targets_N.numel(); first += kHeadRows) {
    const int64_t count = std::min(kHeadRows, targets_N.numel() - first);
    logprobs_N.narrow(0, first, count).copy_(token_logprobs(model.logits(hidden_ND.narrow(0, first, count), false), targets_N.narrow(0, first, count)));
  }
  return logprobs_N;
}

double loss_sum(Model& model, const PackedBatch& batch) { return -label_logprobs(model, batch).sum(at::kDouble).item<double>(); }

double loss_backward(Model& model, const PackedBatch& batch, int64_t labels) {
  const at::Tensor hidden_TD = hidden_states(model, batch, true), rows_N = int64_tensor(batch.rows), hidden_ND = label_rows(hidden_TD, rows_N), targets_N = int64_tensor(batch.targets);
  const double coefficient = -1.0 / static_cast<double>(labels);
  at::Tensor grad_TD = at::zeros_like(hidden_TD);
  double sum = 0;
  for (int64_t first = 0; first < targets_N.numel(); first += kHeadRows) {
    const int64_t count = std::min(kHeadRows, targets_N.numel() - first);
    const at::Tensor chunk_ND = hidden_ND.narrow(0, first, count).detach().requires_grad_(true);
    const at::Tensor logits_NV = model.logits(chunk_ND, true);
    // The gradient takes the logits' place: the head's backward asks for its input and weights alone.
    at::Tensor grad_NV = logits_NV.detach();
    sum -= token_logprobs(grad_NV, targets_N.narrow(0, first, count), coefficient, &grad_NV).sum().item<double>();
    {
      const TraceScope trace("loop", "head backward");
      logits_NV.backward(grad_NV);
    }
    // A token that several examples go on from is there several times.
    add_rows(chunk_ND.grad(), rows_N.narrow(0, first, count), grad_TD.data_ptr<float>());
  }
  const TraceScope trace("loop", "backward");
  if (hidden_TD.requires_grad()) hidden_TD.backward(grad_TD);
  return sum;
}

}  // namespace slipway
