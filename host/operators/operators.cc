// The loss's kernel.
#include "operators/operators.h"

#include "base/error.h"
#include "base/trace.h"
#include "operators/kernels_of.h"

namespace slipway {

at::Tensor token_logprobs(const at::Tensor& logits_in, const at::Tensor& targets_in,
                          double coefficient, at::Tensor* grad_NV, double smoothing) {
  const TraceScope trace("operator", "token_logprobs", "tokens", targets_in.numel());
  const at::Tensor logits = logits_in.contiguous(), targets = targets_in.contiguous();
  const int64_t rows = logits.size(0), width = logits.size(1);
  if (grad_NV != nullptr && (!grad_NV->is_contiguous() || grad_NV->sizes() != logits.sizes()))
    fail("token_logprobs: the gradient must lie as the logits do");
  at::Tensor logprobs = at::empty({rows}, logits.options());
  kernels_of(logits).token_logprobs(
      logits.const_data_ptr<float>(), targets.const_data_ptr<int64_t>(), rows, width,
      static_cast<float>(coefficient), static_cast<float>(smoothing), logprobs.data_ptr<float>(),
      grad_NV != nullptr ? grad_NV->data_ptr<float>() : nullptr);
  return logprobs;
}

}  // namespace slipway
