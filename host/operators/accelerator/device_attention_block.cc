// The attention half of a decoder block on a device.
#include <torch/csrc/autograd/functions/utils.h>

#include <map>

#include "base/error.h"
#include "base/trace.h"
#include "operators/accelerator/device_attention.h"
#include "operators/accelerator/device_blocks.h"
#include "operators/accelerator/device_rows.h"
#include "operators/accelerator/device_tensors.h"
#include "operators/kept.h"
#include "operators/rotary.h"

namespace slipway {
namespace {

struct DeviceAttentionNode : torch::autograd::Node {
  Kept x_kept;
  at::Tensor qkv, attended, lse, inverse_rms, positions;
  AttentionWeights w;
  std::shared_ptr<const DevicePlan> plan;
  HeadShape shape{};
  double eps = 0, theta = 0;
  float scale = 0;

  torch::autograd::variable_list apply(torch::autograd::variable_list&& grads) override;
  void release_variables() override {
    x_kept = Kept();
    qkv = attended = lse = inverse_rms = positions = at::Tensor();
    w = {};
    plan.reset();
  }
};

// q, k and v of fused rows.
AttentionInputs parts(const at::Tensor& qkv, const HeadShape& shape) {
  const float* q = qkv.const_data_ptr<float>();
  const int64_t attended = shape.heads * shape.width, columns = qkv.size(1);
  return {q, q + attended, q + attended + shape.kv_heads * shape.width, columns, columns};
}

void rotate(at::Tensor& qkv, const at::Tensor& positions, const HeadShape& shape, double theta,
            float sign) {
  const int64_t half = shape.width / 2;
  device_kernels().rope(qkv.const_data_ptr<float>(), qkv.size(1),
                        positions.const_data_ptr<int64_t>(), device_frequencies(half, theta), sign,
                        qkv.size(0), shape.heads + shape.kv_heads, half, qkv.data_ptr<float>(),
                        qkv.size(1));
}

torch::autograd::variable_list DeviceAttentionNode::apply(torch::autograd::variable_list&& grads) {
  constexpr const char* kName = "slipway::attention_block_v1";
  if (!x_kept.defined())
    fail("{}: backward a second time; what it needs was freed after the first", kName);
  const at::Tensor& x = x_kept.of(kName);
  const TraceScope trace("operator", "attention_block backward", "tokens", x.size(0));
  const at::NoGradGuard no_grad;
  const at::Tensor dy = grads[0].contiguous();
  const int64_t attended_columns = shape.heads * shape.width, cached = shape.kv_heads * shape.width;
  const GradientTarget d_norm(w.norm_D, w.norm_D.requires_grad()), dq(w.q, w.q.requires_grad()),
      dk(w.k, w.k.requires_grad()), dv(w.v, w.v.requires_grad()), d_o(w.o, w.o.requires_grad());
  at::Tensor d_attended = at::empty_like(attended), d_qkv = at::empty_like(qkv),
             h = at::empty_like(x), dh = at::empty_like(x), dx = at::empty_like(x),
             again = at::empty_like(inverse_rms);
  device_input_gradient(dy, {&w.o}, d_attended);
  device_weight_gradients(dy, attended, {{d_o.data(), dy.size(1)}});
  float* const to = d_qkv.data_ptr<float>();
  device_attention_backward(device_rows(parts(qkv, shape), shape, scale, x.size(0)), *plan,
                            attended, lse, d_attended, to, to + attended_columns,
                            to + attended_columns + cached);
  rotate(d_qkv, positions, shape, theta, -1.0f);
  device_rms_norm(x, w.norm_D, eps, h, again);
  device_weight_gradients(
      d_qkv, h, {{dq.data(), attended_columns}, {dk.data(), cached}, {dv.data(), cached}});
  device_input_gradient(d_qkv, {&w.q, &w.k, &w.v}, dh);
  device_rms_norm_backward(dh, x, w.norm_D, inverse_rms, &dy, dx, d_norm.data());
  return {dx, d_norm.tensor(), dq.tensor(), dk.tensor(), dv.tensor(), d_o.tensor()};
}

}  // namespace

const float* device_frequencies(int64_t half, double theta) {
  // Leaked on purpose, and asked for by one thread at a time: forward, or the backward that it
  // waits for.
  static auto* const kept = new std::map<std::pair<int64_t, double>, at::Tensor>();
  at::Tensor& found = (*kept)[{half, theta}];
  if (!found.defined()) {
    const c10::InferenceMode ordinary(false);
    found = at::tensor(at::ArrayRef<float>(rotary_frequencies(half, theta)), at::kFloat)
                .to(compute_device());
  }
  return found.const_data_ptr<float>();
}

at::Tensor device_attention_block(const at::Tensor& x, const AttentionWeights& w,
                                  const at::Tensor& positions, const HeadShape& shape, double eps,
                                  double theta, double scale, int64_t layer,
                                  const AttentionContext& context) {
  const int64_t rows = x.size(0), d = x.size(1), attended_columns = shape.heads * shape.width;
  const auto options = x.options();
  at::Tensor y = at::empty_like(x), h = at::empty_like(x),
             qkv = at::empty({rows, attended_columns + 2 * shape.kv_heads * shape.width}, options),
             attended = at::empty({rows, attended_columns}, options),
             lse = at::empty({rows, shape.heads}, options),
             inverse_rms = at::empty({rows}, options);
  device_rms_norm(x, w.norm_D, eps, h, inverse_rms);
  device_product(h, {&w.q, &w.k, &w.v}, qkv);
  rotate(qkv, positions, shape, theta, 1.0f);
  device_attend(device_rows(parts(qkv, shape), shape, static_cast<float>(scale), rows), layer,
                context, attended.data_ptr<float>(), lse.data_ptr<float>());
  device_kernels().forward_product(attended.const_data_ptr<float>(), attended_columns, rows,
                                   weight_of(w.o, attended_columns).w, d, attended_columns,
                                   x.const_data_ptr<float>(), y.data_ptr<float>(), d);
  if (context.mode != AttentionContext::Mode::kPacked ||
      !records({&x, &w.norm_D, &w.q, &w.k, &w.v, &w.o}))
    return y;
  const auto node = make_node<DeviceAttentionNode>();
  node->set_next_edges(gradient_edges({&x, &w.norm_D, &w.q, &w.k, &w.v, &w.o}));
  node->x_kept = Kept(x), node->qkv = qkv, node->attended = attended, node->lse = lse,
  node->inverse_rms = inverse_rms, node->positions = positions;
  node->w = w, node->plan = device_plan(context, shape.width), node->shape = shape, node->eps = eps,
  node->theta = theta, node->scale = static_cast<float>(scale);
  torch::autograd::set_history(y, node);
  return y;
}

}  // namespace slipway
