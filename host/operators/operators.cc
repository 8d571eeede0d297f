// The operators' names for plugins, and the loss's kernel.
#include "operators/operators.h"

#include "base/error.h"
#include "base/trace.h"
#include "operators/attention.h"
#include "operators/blocks.h"
#include "operators/kernels_of.h"
#include "operators/linear.h"

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

void register_operators() {
  // Leaked on purpose: operators must outlive every plugin that may call them.
  static const auto* const library = [] {
    auto* made =
        new torch::Library(torch::Library::DEF, "slipway", std::nullopt, __FILE__, __LINE__);
    made->def("embedding_v1(Tensor weight, Tensor ids) -> Tensor", &embedding);
    made->def("linear_v1(Tensor x, Tensor weight) -> Tensor", &linear);
    made->def("rms_norm_v1(Tensor x, Tensor weight, float eps) -> Tensor", &rms_norm);
    made->def("rope_v1(Tensor x, Tensor positions, float theta) -> Tensor", &rope);
    made->def("swiglu_v1(Tensor gate, Tensor up) -> Tensor", &swiglu);
    made->def(
        "attention_block_v1(Tensor x, Tensor norm, Tensor q, Tensor k, Tensor v, Tensor o, Tensor "
        "positions, int heads, int kv_heads, float eps, float theta, "
        "float scale, int layer, int context) -> Tensor",
        [](const at::Tensor& x, const at::Tensor& norm, const at::Tensor& q, const at::Tensor& k,
           const at::Tensor& v, const at::Tensor& o, const at::Tensor& positions, int64_t heads,
           int64_t kv_heads, double eps, double theta, double scale, int64_t layer,
           int64_t context) {
          return attention_block(x, {norm, q, k, v, o}, positions, heads, kv_heads, eps, theta,
                                 scale, layer, context);
        });
    made->def(
        "swiglu_block_v1(Tensor x, Tensor norm, Tensor gate, Tensor up, Tensor down, float eps) -> "
        "Tensor",
        [](const at::Tensor& x, const at::Tensor& norm, const at::Tensor& gate,
           const at::Tensor& up, const at::Tensor& down,
           double eps) { return swiglu_block(x, {norm, gate, up, down}, eps); });
    made->def(
        "attention_v1(Tensor q, Tensor k, Tensor v, float scale, int layer, int context) -> Tensor",
        &attention);
    return made;
  }();
  (void)library;
}

}  // namespace slipway
