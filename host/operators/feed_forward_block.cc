// The feed-forward half of a decoder block.
#include <torch/csrc/autograd/functions/utils.h>

#include <algorithm>

#include "base/error.h"
#include "base/trace.h"
#include "operators/adapters.h"
#include "operators/between.h"
#include "operators/block_ends.h"
#include "operators/block_gradients.h"
#include "operators/blocks.h"
#include "operators/call_memory.h"
#include "operators/kept.h"
#include "operators/linear.h"
#include "operators/operands.h"
#include "operators/rounded_once.h"

namespace slipway {
namespace {

const at::Tensor kNoPostBias;

// Sizes of one call.
struct FeedForwardCall {
  const char* op;
  int64_t rows, hidden, inner;
  bool gated;
  int64_t columns() const { return gated ? 2 * inner : inner; }  // of the gate's and up's rows
};

Norm first_norm(const FeedForwardBlock& b) { return {b.norm, b.norm_bias, b.norm_kind, b.eps}; }
BlockEnd feed_forward_end(const FeedForwardBlock& b) {
  return {b.down, b.down_bias, {b.post_norm, kNoPostBias, b.norm_kind, b.eps}, b.residual};
}

void check_gate(const FeedForwardCall& call, const at::Tensor& x, const FeedForwardBlock& b) {
  const auto both = [&](const char* what, const at::Tensor& of_gate, const at::Tensor& of_up) {
    if (of_gate.defined() != of_up.defined())
      fail("{}: {} come together, or not at all", call.op, what);
  };
  if (b.fused || !b.gate.defined()) {
    if (b.gate.defined()) fail("{}: gate was given, and fused says that up holds it", call.op);
    if (b.gate_bias.defined())
      fail("{}: gate_bias was given, {}", call.op,
           b.fused ? "and where up holds both up_bias does" : "and there is no gate");
    return;
  }
  require_operand(call.op, "gate", b.gate, {call.inner, call.hidden}, x);
  both("gate_bias and up_bias", b.gate_bias, b.up_bias);
  if (b.gate_bias.defined()) require_operand(call.op, "gate_bias", b.gate_bias, {call.inner}, x);
}

FeedForwardCall checked_feed_forward(const char* op, const at::Tensor& x,
                                     const FeedForwardBlock& b) {
  require_operands(floats_together({&x}) && x.dim() == 2, op, "x [T, d] float32", {&x});
  const int64_t d = x.size(1), inner = b.down.defined() && b.down.dim() == 2 ? b.down.size(1) : 0;
  const FeedForwardCall call{op, x.size(0), d, inner, b.fused || b.gate.defined()};
  const auto require = [&](const char* name, const at::Tensor& w, at::IntArrayRef shape) {
    if (w.defined()) require_operand(op, name, w, shape, x);
  };
  require_operand(op, "down", b.down, {d, inner}, x);
  const int64_t up_rows = b.fused ? 2 * inner : inner;
  require_operand(op, "up", b.up, {up_rows, d}, x);
  require("up_bias", b.up_bias, {up_rows});
  check_gate(call, x, b);
  require("down_bias", b.down_bias, {d});
  require("norm", b.norm, {d});
  if (b.norm_bias.defined() && (b.norm_kind != NormKind::kLayer || !b.norm.defined()))
    fail("{}: norm_bias was given, and there is no layer norm that takes it", op);
  require("norm_bias", b.norm_bias, {d});
  require("post_norm", b.post_norm, {d});
  return call;
}

// Rows of gate and up side by side, or of up alone, as the activation takes them.
GatedRows gated_rows_of(const FeedForwardCall& call, const FeedForwardBlock& b, ConstValues columns,
                        int64_t rows) {
  const auto data = [](const at::Tensor& bias) {
    return bias.defined() ? bias.const_data_ptr<float>() : nullptr;
  };
  const float *gate_bias = data(b.gate_bias), *up_bias = data(b.up_bias);
  if (b.fused && up_bias != nullptr) gate_bias = up_bias, up_bias += call.inner;
  return {call.gated ? columns : ConstValues(nullptr),
          call.gated ? columns + call.inner : columns,
          gate_bias,
          up_bias,
          rows,
          call.inner,
          call.columns(),
          b.activation};
}

// One product gives the rows of gate and up.
ProductWeights inputs_of(const FeedForwardBlock& b) { return {&b.gate, &b.up}; }

struct FeedForwardNode : torch::autograd::Node {
  Kept x_kept;
  at::Tensor columns, moments;
  at::Tensor before, after;  // of a norm of the result: what it was of, and its moments
  FeedForwardBlock block;
  ProductAdapters in_adapters, out_adapters;
  FeedForwardCall call{};

  torch::autograd::variable_list apply(torch::autograd::variable_list&& grads) override;
  void release_variables() override {
    x_kept = Kept();
    columns = moments = before = after = at::Tensor();
    block = {};
    in_adapters = out_adapters = {};
  }
};

torch::autograd::variable_list FeedForwardNode::apply(torch::autograd::variable_list&& grads) {
  if (!x_kept.defined())
    fail("{}: backward a second time; what it needs was freed after the first", call.op);
  const at::Tensor& x = x_kept.of(call.op);
  const TraceScope trace("operator", "feed_forward_block backward", "tokens", call.rows);
  const at::NoGradGuard no_grad;
  const at::Tensor dy_TD = grads[0].contiguous();
  const int64_t rows = call.rows, d = call.hidden, inner = call.inner, width = call.columns();
  const float* const dy = dy_TD.const_data_ptr<float>();
  Kernels& kernels = kernels_of(x);
  const Norm norm = first_norm(block);
  const BlockEnd end = feed_forward_end(block);
  const Between between(columns, kernels, call.op);
  static thread_local Scratch scratch;
  const CallMemory<8> memory(
      scratch, x,
      {rows * inner, between.floats(rows, inner), between.floats(rows, width),
       between.floats(rows, d), rows * d, 2 * rows, end.wants_room() ? rows * d : 0,
       room_for_rounded(x, kernels, rows * d)});
  const auto [d_act, act_memory, d_columns_memory, h_memory, dh, again, end_room, d_out_memory] =
      memory.parts;
  const Values act = between.in(act_memory), d_columns = between.in(d_columns_memory),
               d_up = call.gated ? d_columns + inner : d_columns;
  const auto targets = gradient_targets(block.weights());
  const auto& [d_norm, d_norm_bias, d_gate, d_up_weight, d_down, d_gate_bias, d_up_bias,
               d_down_bias, d_post] = targets;
  const float* const d_out =
      end.backward(x, dy, rows, d, end.post ? before.const_data_ptr<float>() : nullptr,
                   end.post ? end.post.moments(after.data_ptr<float>(), rows) : NormMoments{},
                   end_room, d_down_bias.data(), d_post.data());
  const ConstValues d_out_once = rounded_once(x, kernels, d_out, rows * d, d_out_memory);
  input_gradient(d_out_once, d, rows, {&block.down}, inner, d_act);
  const GatedRows kept_rows = gated_rows_of(call, block, Between::of(columns), rows);
  if (!out_adapters.empty()) {  // what they add to its gradient goes by what the activation gave
    kernels.gated(kept_rows, act);
    out_adapters.add_gradients(d_out, d, act, rows, inner, d_act);
  }
  kernels.gated_backward(d_act, kept_rows, call.gated ? d_columns : Values(nullptr), d_up, act);
  const WeightGradient d_output{d_down.data(), d};
  kernels.weight_gradients(d_out_once, d, act, inner, rows, inner, {&d_output, 1});
  const auto bias = [&](const at::Tensor& w, const GradientTarget& to, ConstValues from) {
    if (w.defined()) bias_gradient(x, from, width, rows, w.size(0), to.data());
  };
  bias(block.gate_bias, d_gate_bias, d_columns);
  bias(block.up_bias, d_up_bias, block.fused ? d_columns : d_up);
  const ConstValues h = begin_block(kernels, norm, x.const_data_ptr<float>(), rows, d,
                                    between.in(h_memory), norm.moments(again, rows));
  const ProductWeights inputs = inputs_of(block);
  const WeightGradient d_inputs[] = {
      {block.gate.defined() ? d_gate.data() : d_up_weight.data(), inputs.front().size(0)},
      {d_up_weight.data(), inner}};
  kernels.weight_gradients(d_columns, width, h, d, rows, d, {d_inputs, inputs.size()});
  input_gradient(d_columns, width, rows, inputs, d, dh);
  in_adapters.add_gradients(d_columns, width, h, rows, d, dh);
  at::Tensor dx_TD = at::empty_like(x);
  begin_block_backward(x, norm, dh, norm.moments(again, rows), dy, dx_TD.data_ptr<float>(),
                       d_norm.data(), d_norm_bias.data());
  return with_gradients(dx_TD, targets);
}

// Memory of values that the backward pass needs.
auto recorded_node(const FeedForwardCall& call, const FeedForwardBlock& b, const at::Tensor& x,
                   const Between& between) {
  const auto node = make_node<FeedForwardNode>();
  node->set_next_edges(gradient_edges(x, b.weights()));
  node->x_kept = Kept(x), node->block = b, node->call = call;
  node->columns = between.tensor(call.rows, call.columns(), x.options());
  node->moments = at::empty({first_norm(b).numbers(), call.rows}, x.options());
  if (!b.post_norm.defined()) return node;
  node->before = at::empty({call.rows, call.hidden}, x.options());
  node->after = at::empty({feed_forward_end(b).post.numbers(), call.rows}, x.options());
  return node;
}

at::Tensor run_feed_forward(const char* op, const at::Tensor& x_in, const FeedForwardBlock& b) {
  const FeedForwardCall call = checked_feed_forward(op, x_in, b);
  const TraceScope trace("operator", "feed_forward_block", "tokens", call.rows);
  const at::Tensor x = x_in.contiguous();
  const ProductAdapters in_adapters(inputs_of(b)), out_adapters({&b.down});
  const bool recording =
      records(x, b.weights()) || in_adapters.recorded() || out_adapters.recorded();
  const int64_t rows = call.rows, d = call.hidden, inner = call.inner,
                together = recording ? rows : std::min(rows, kSwiGluRows),
                not_kept = recording ? 0 : together;
  Kernels& kernels = kernels_of(x);
  const Norm norm = first_norm(b);
  const BlockEnd end = feed_forward_end(b);
  at::Tensor y = at::empty({rows, d}, x.options());
  static thread_local Scratch scratch;
  const Between between(kernels);
  const CallMemory<6> memory(scratch, x,
                             {between.floats(together, d), between.floats(together, inner),
                              between.floats(not_kept, call.columns()), 2 * not_kept,
                              end.post ? not_kept * d : 0, 2 * not_kept});
  auto [h_memory, act_memory, columns_memory, moments, before, after] = memory.parts;
  const Values act = between.in(act_memory);
  Values columns = between.in(columns_memory);
  decltype(make_node<FeedForwardNode>()) node;
  if (recording) {
    node = recorded_node(call, b, x, between);
    node->in_adapters = in_adapters, node->out_adapters = out_adapters;
    columns = Between::of(node->columns), moments = node->moments.data_ptr<float>();
    if (end.post) before = node->before.data_ptr<float>(), after = node->after.data_ptr<float>();
  }
  for (int64_t first = 0; first < rows; first += together) {
    const int64_t count = std::min(together, rows - first);
    const float* const x_data = x.const_data_ptr<float>() + first * d;
    const ConstValues h = begin_block(kernels, norm, x_data, count, d, between.in(h_memory),
                                      norm.moments(moments, count));
    product(h, count, d, inputs_of(b), nullptr, columns);
    kernels.gated(gated_rows_of(call, b, columns, count), act);
    end.forward(kernels, act, count, inner, x_data, before, end.post.moments(after, count),
                y.data_ptr<float>() + first * d);
  }
  if (recording) torch::autograd::set_history(y, node);
  return y;
}

}  // namespace

at::Tensor feed_forward_block(const at::Tensor& x, const FeedForwardBlock& block) {
  return run_feed_forward("slipway::feed_forward_block_v1", x, block);
}

at::Tensor swiglu_block(const at::Tensor& x, const SwiGluWeights& w, double eps) {
  constexpr const char* kName = "slipway::swiglu_block_v1";
  if (!w.norm_D.defined() || !w.gate.defined()) fail("{}: expects norm, gate, up and down", kName);
  FeedForwardBlock block;
  block.norm = w.norm_D, block.gate = w.gate, block.up = w.up, block.down = w.down;
  block.eps = eps;
  return run_feed_forward(kName, x, block);
}

}  // namespace slipway
