// The fused operators: autograd around the row kernels.
#include "operators/operators.h"

#include "base/error.h"
#include "base/trace.h"
#include "compute/parallel.h"
#include "kernels/cpu/row_kernels.h"
#include "kernels/cpu/rows.h"
#include "operators/accelerator/device_blocks.h"
#include "operators/accelerator/device_rows.h"
#include "operators/accelerator/device_tensors.h"
#include "operators/attention.h"
#include "operators/blocks.h"
#include "operators/linear.h"
#include "operators/operands.h"
#include "operators/rotary.h"

namespace slipway {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::tensor_list;

int64_t rows_of(const at::Tensor& x) { return x.numel() / std::max<int64_t>(1, x.size(-1)); }

struct RmsNorm : Function<RmsNorm> {
  static at::Tensor forward(AutogradContext* saved, const at::Tensor& x_in, const at::Tensor& w,
                            double eps) {
    const at::Tensor x = x_in.contiguous();
    at::Tensor y = at::empty_like(x), inverse_rms = at::empty({x.size(0)}, x.options());
    if (on_device(x)) device_rms_norm(x, w, eps, y, inverse_rms);
    else
      rms_norm_rows(x.const_data_ptr<float>(), w.const_data_ptr<float>(), eps, x.size(0), x.size(1),
                    y.data_ptr<float>(), inverse_rms.data_ptr<float>());
    saved->save_for_backward({x, w, inverse_rms});
    return y;
  }
  static tensor_list backward(AutogradContext* saved, const tensor_list& grads) {
    const auto kept = saved->get_saved_variables();
    const at::Tensor &x = kept[0], &w = kept[1], &inverse_rms = kept[2],
                     grad_y = grads[0].contiguous();
    at::Tensor grad_x = at::empty_like(x);
    const GradientTarget grad_w(w, saved->needs_input_grad(1));
    if (on_device(x))
      device_rms_norm_backward(grad_y, x, w, inverse_rms, nullptr, grad_x, grad_w.data());
    else
      rms_norm_rows_backward(grad_y.const_data_ptr<float>(), x.const_data_ptr<float>(),
                             w.const_data_ptr<float>(), inverse_rms.const_data_ptr<float>(),
                             nullptr, x.size(0), x.size(1), grad_x.data_ptr<float>(),
                             grad_w.data());
    return {grad_x, grad_w.tensor(), at::Tensor()};
  }
};

at::Tensor rotate(const at::Tensor& x_in, const at::Tensor& positions, double theta, float sign) {
  const at::Tensor x = x_in.contiguous();
  at::Tensor y = at::empty_like(x);
  const int64_t heads = x.size(1), half = x.size(2) / 2, row = heads * x.size(2);
  const int64_t* p = positions.const_data_ptr<int64_t>();
  if (on_device(x)) {
    device_kernels().rope(x.const_data_ptr<float>(), row, p, device_frequencies(half, theta), sign,
                          x.size(0), heads, half, y.data_ptr<float>(), row);
    return y;
  }
  const RotaryTable table = rotary_table_for(p, x.size(0), half, theta);
  rotate_rows(x.const_data_ptr<float>(), row, p, table, sign, x.size(0), heads, half,
              y.data_ptr<float>(), row);
  return y;
}

struct Rope : Function<Rope> {
  static at::Tensor forward(AutogradContext* saved, const at::Tensor& x,
                            const at::Tensor& positions_in, double theta) {
    const at::Tensor positions = positions_in.contiguous();
    saved->save_for_backward({positions});
    saved->saved_data["theta"] = theta;
    return rotate(x, positions, theta, 1.0f);
  }
  static tensor_list backward(AutogradContext* saved, const tensor_list& grads) {
    return {rotate(grads[0], saved->get_saved_variables()[0], saved->saved_data["theta"].toDouble(),
                   -1.0f),
            at::Tensor(), at::Tensor()};
  }
};

struct SwiGlu : Function<SwiGlu> {
  static at::Tensor forward(AutogradContext* saved, const at::Tensor& gate_in,
                            const at::Tensor& up_in) {
    const at::Tensor gate = gate_in.contiguous(), up = up_in.contiguous();
    at::Tensor out = at::empty_like(gate);
    const float *g = gate.const_data_ptr<float>(), *u = up.const_data_ptr<float>();
    float* o = out.data_ptr<float>();
    if (on_device(gate))
      device_kernels().swiglu(g, u, gate.size(-1), rows_of(gate), gate.size(-1), o);
    else
      parallel_ranges(gate.numel(), kValuesPerTask, [&](int64_t begin, int64_t end) {
        kernels::swiglu(g + begin, u + begin, end - begin, o + begin);
      });
    saved->save_for_backward({gate, up});
    return out;
  }
  static tensor_list backward(AutogradContext* saved, const tensor_list& grads) {
    const auto kept = saved->get_saved_variables();
    const at::Tensor grad = grads[0].contiguous();
    at::Tensor grad_gate = at::empty_like(grad), grad_up = at::empty_like(grad);
    const float *d = grad.const_data_ptr<float>(), *g = kept[0].const_data_ptr<float>(),
                *u = kept[1].const_data_ptr<float>();
    float *dg = grad_gate.data_ptr<float>(), *du = grad_up.data_ptr<float>();
    if (on_device(grad))
      device_kernels().swiglu_backward(d, g, u, grad.size(-1), rows_of(grad), grad.size(-1), dg, du,
                                       nullptr);
    else
      parallel_ranges(grad.numel(), kValuesPerTask, [&](int64_t begin, int64_t end) {
        kernels::swiglu_backward(d + begin, g + begin, u + begin, end - begin, dg + begin,
                                 du + begin, nullptr);
      });
    return {grad_gate, grad_up};
  }
};

}  // namespace

at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& w_in, double eps) {
  const bool fit = floats_together({&x, &w_in}) && x.dim() > 0 && w_in.dim() == 1 &&
                   w_in.size(0) > 0 && x.size(-1) == w_in.size(0);
  require_operands(fit, "slipway::rms_norm_v1", "x [.., d] and weight [d], float32", {&x, &w_in});
  const at::Tensor w = w_in.contiguous();
  if (x.dim() == 2) return RmsNorm::apply(x, w, eps);
  return RmsNorm::apply(x.reshape({-1, w.size(0)}), w, eps).view(x.sizes());
}

at::Tensor rope(const at::Tensor& x, const at::Tensor& positions, double theta) {
  const bool fit = floats_together({&x}) && x.dim() == 3 && x.size(1) > 0 && x.size(2) > 0 &&
                   x.size(2) % 2 == 0 && positions.defined() &&
                   positions.scalar_type() == at::kLong && positions.dim() == 1 &&
                   positions.size(0) == x.size(0) && positions.device() == x.device();
  require_operands(fit, "slipway::rope_v1",
                   "x [T, H, D] float32 with D even, and positions [T] int64", {&x, &positions});
  return Rope::apply(x, positions, theta);
}

at::Tensor swiglu(const at::Tensor& gate, const at::Tensor& up) {
  const bool fit = floats_together({&gate, &up}) && gate.dim() > 0 && gate.sizes() == up.sizes();
  require_operands(fit, "slipway::swiglu_v1", "gate and up of one shape, float32", {&gate, &up});
  return SwiGlu::apply(gate, up);
}

at::Tensor token_logprobs(const at::Tensor& logits_in, const at::Tensor& targets_in,
                          double coefficient, at::Tensor* grad_NV, double smoothing) {
  const TraceScope trace("operator", "token_logprobs", "tokens", targets_in.numel());
  const at::Tensor logits = logits_in.contiguous(), targets = targets_in.contiguous();
  const int64_t rows = logits.size(0), width = logits.size(1);
  if (grad_NV != nullptr && (!grad_NV->is_contiguous() || grad_NV->sizes() != logits.sizes()))
    fail("token_logprobs: the gradient must lie as the logits do");
  at::Tensor logprobs = at::empty({rows}, logits.options());
  const float* x = logits.const_data_ptr<float>();
  const int64_t* target = targets.const_data_ptr<int64_t>();
  float *out = logprobs.data_ptr<float>(),
        *grad = grad_NV != nullptr ? grad_NV->data_ptr<float>() : nullptr;
  const auto c = static_cast<float>(coefficient), e = static_cast<float>(smoothing);
  if (on_device(logits)) {
    device_kernels().token_logprobs(x, target, rows, width, c, e, out, grad);
    return logprobs;
  }
  parallel_ranges(rows, rows_per_task(width), [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      const float* row = x + r * width;
      double sum = 0;
      const float lse = kernels::log_sum_exp(row, width, e != 0 ? &sum : nullptr);
      out[r] = row[target[r]] - lse;
      if (e != 0)
        out[r] += e * (static_cast<float>(sum / static_cast<double>(width)) - row[target[r]]);
      if (grad == nullptr) continue;
      kernels::softmax_scaled(row, lse, -c, c * e / static_cast<float>(width), width,
                              grad + r * width);
      grad[r * width + target[r]] += c * (1 - e);
    }
  });
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
