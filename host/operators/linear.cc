// Products with gradients that go straight into their buffers.
#include "operators/linear.h"

#include <torch/csrc/autograd/functions/utils.h>

#include <algorithm>
#include <functional>
#include <vector>

#include "base/error.h"
#include "base/trace.h"
#include "operators/accelerator/device_pages.h"
#include "operators/adapters.h"
#include "operators/call_memory.h"
#include "operators/kernels_of.h"
#include "operators/kept.h"
#include "operators/norm.h"
#include "operators/operands.h"
#include "operators/packed_weights.h"
#include "operators/rounded_once.h"
#include "operators/rounded_weights.h"
#include "operators/stored_matrix.h"

namespace slipway {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::tensor_list;

bool has_buffer(const at::Tensor& parameter) {
  return parameter.is_leaf() && parameter.grad().defined() && parameter.grad().is_contiguous();
}

bool plain(const at::Tensor& x, const at::Tensor& w) {
  return x.dim() == 2 && w.dim() == 2 && x.size(1) == w.size(1) && w.is_contiguous() &&
         x.scalar_type() == at::kFloat && w.scalar_type() == at::kFloat;
}

at::Tensor unrecorded(const at::Tensor& x_in, const at::Tensor& w) {
  const TraceScope trace("operator", "linear", "tokens", x_in.size(0));
  const at::Tensor x = x_in.contiguous();
  at::Tensor y = at::empty({x.size(0), w.size(0)}, x.options());
  product(x.const_data_ptr<float>(), x.size(0), x.size(1), {&w}, nullptr, y.data_ptr<float>());
  return y;
}

struct LinearNode : torch::autograd::Node {
  Kept x_kept;
  at::Tensor w_NK;
  ProductAdapters adapters;

  torch::autograd::variable_list apply(torch::autograd::variable_list&& grads) override;
  void release_variables() override {
    x_kept = Kept();
    w_NK = at::Tensor();
    adapters = ProductAdapters();
  }
};

torch::autograd::variable_list LinearNode::apply(torch::autograd::variable_list&& grads) {
  constexpr const char* kName = "slipway::linear_v1";
  if (!x_kept.defined())
    fail("{}: backward a second time; what it needs was freed after the first", kName);
  const TraceScope trace("operator", "linear backward");
  const at::Tensor &x_TK = x_kept.of(kName), dy_TN = grads[0].contiguous();
  const int64_t rows = x_TK.size(0), k = x_TK.size(1), n = w_NK.size(0);
  const at::NoGradGuard no_grad;
  Kernels& kernels = kernels_of(x_TK);
  static thread_local Scratch scratch;
  const CallMemory<1> memory(scratch, x_TK, {room_for_rounded(x_TK, kernels, rows * n)});
  const float* const x = x_TK.const_data_ptr<float>();
  const ConstValues dy =
      rounded_once(x_TK, kernels, dy_TN.const_data_ptr<float>(), rows * n, memory.parts[0]);
  at::Tensor dx_TK;
  if (task_should_compute_output(0)) {
    dx_TK = at::empty_like(x_TK);
    slipway::input_gradient(dy, n, rows, {&w_NK}, k, dx_TK.data_ptr<float>());
  }
  const GradientTarget dw(w_NK, w_NK.requires_grad());
  const WeightGradient target{dw.data(), n};
  kernels.weight_gradients(dy, n, x, k, rows, k, {&target, 1});
  adapters.add_gradients(dy_TN.const_data_ptr<float>(), n, x, rows, k,
                         dx_TK.defined() ? dx_TK.data_ptr<float>() : nullptr);
  return {dx_TK, dw.tensor()};
}

at::Tensor recorded_linear(const at::Tensor& x_in, const at::Tensor& w,
                           const ProductAdapters& adapters) {
  const at::Tensor x = x_in.contiguous();
  at::Tensor y;
  {
    const at::NoGradGuard no_grad;
    y = unrecorded(x, w);
  }
  const auto node = make_node<LinearNode>();
  node->set_next_edges(gradient_edges({&x, &w}));
  node->x_kept = Kept(x), node->w_NK = w, node->adapters = adapters;
  torch::autograd::set_history(y, node);
  return y;
}

// y = x + bias of each row.
struct AddBias : Function<AddBias> {
  static at::Tensor forward(AutogradContext* saved, const at::Tensor& x, const at::Tensor& bias) {
    saved->save_for_backward({bias});
    at::Tensor y = x.clone();
    kernels_of(y).add_bias(bias.const_data_ptr<float>(), y.size(0), y.size(1), y.data_ptr<float>(),
                           y.size(1));
    return y;
  }
  static tensor_list backward(AutogradContext* saved, const tensor_list& grads) {
    const at::Tensor bias = saved->get_saved_variables()[0], dy = grads[0].contiguous();
    const at::NoGradGuard no_grad;
    const GradientTarget d_bias(bias, saved->needs_input_grad(1));
    bias_gradient(dy, dy.const_data_ptr<float>(), dy.size(1), dy.size(0), dy.size(1),
                  d_bias.data());
    return {dy, d_bias.tensor()};
  }
};

at::Tensor look_up(const at::Tensor& w, const at::Tensor& ids_in) {
  make_present(w);
  at::Tensor out = at::empty({ids_in.numel(), w.size(1)}, w.options());
  if (const StoredMatrix* stored = StoredMatrix::of(w); stored != nullptr) {
    stored->decode_rows(ids_in.const_data_ptr<int64_t>(), ids_in.numel(), out.data_ptr<float>());
    return out;
  }
  kernels_of(w).embedding(w.const_data_ptr<float>(), w.size(0), ids_in.const_data_ptr<int64_t>(),
                          ids_in.numel(), w.size(1), out.data_ptr<float>());
  return out;
}

struct Embedding : Function<Embedding> {
  static at::Tensor forward(AutogradContext* saved, const at::Tensor& w, const at::Tensor& ids) {
    saved->save_for_backward({w, ids});
    return look_up(w, ids);
  }
  static tensor_list backward(AutogradContext* saved, const tensor_list& grads) {
    const auto kept = saved->get_saved_variables();
    const at::Tensor &w = kept[0], &ids = kept[1], dy = grads[0].contiguous();
    const at::NoGradGuard no_grad;
    const GradientTarget dw(w, true);
    add_rows(dy, ids, w.size(0), dw.data());
    return {dw.tensor(), at::Tensor()};
  }
};

}  // namespace

void add_rows(const at::Tensor& from_ND, const at::Tensor& rows_N, int64_t to_rows, float* to) {
  kernels_of(from_ND).embedding_backward(from_ND.const_data_ptr<float>(),
                                         rows_N.const_data_ptr<int64_t>(), rows_N.numel(), to_rows,
                                         from_ND.size(1), to);
}

void require_weight(const at::Tensor& w, int64_t k) {
  if (w.dim() != 2 || w.size(1) != k || !w.is_contiguous() || w.scalar_type() != at::kFloat)
    fail("a weight must be a contiguous float32 matrix of {} columns", k);
}

Weight weight_of(const at::Tensor& w, int64_t k) {
  require_weight(w, k);
  make_present(w);
  return {w.const_data_ptr<float>(), w.size(0)};
}

namespace {

// What adapters have for x is added before anything is rounded.
void add_adapters(const ProductAdapters& adapters, const at::Tensor& operand, ConstValues x,
                  int64_t rows, int64_t k, Values y, int64_t columns,
                  const std::function<void(Values y)>& base) {
  if (y.bfloats == nullptr || adapters.empty()) {
    base(y);
    return adapters.add_to(x, rows, k, y.floats, columns);
  }
  static thread_local Scratch scratch;
  const CallMemory<1> memory(scratch, operand, {rows * columns});
  base(memory.parts[0]);
  adapters.add_to(x, rows, k, memory.parts[0], columns);
  kernels_of(operand).round_values(memory.parts[0], rows * columns, y.bfloats);
}

}  // namespace

void product(ConstValues x, int64_t rows, int64_t k, const ProductWeights& weights,
             const float* addend, Values y) {
  int64_t columns = 0;
  for (const at::Tensor* w : weights) {
    require_weight(*w, k);
    columns += w->size(0);
  }
  const bool unrecorded = !at::GradMode::is_enabled();
  PackedWeights* packed = unrecorded ? PackedWeightsScope::current() : nullptr;
  RoundedWeightsScope* rounded = unrecorded ? RoundedWeightsScope::current() : nullptr;
  const at::Tensor& any = weights.front();
  if (packed == nullptr ||
      !std::ranges::all_of(weights, [&](const at::Tensor* w) { return packed->keeps(*w); }))
    return add_adapters(ProductAdapters(weights), any, x, rows, k, y, columns, [&](Values out) {
      if (const uint16_t* all = rounded == nullptr ? nullptr : rounded->of(weights); all != nullptr)
        return device_kernels().rounded_product(x, k, rows, k, all, columns, addend, out, columns);
      with_weights(weights, k, [&](std::span<const Weight> part, int64_t column) {
        kernels_of(any).forward_product(x, k, rows, k, part,
                                        addend == nullptr ? nullptr : addend + column, out + column,
                                        columns);
      });
    });
  std::vector<PackedWeight> packed_weights;  // with what adapters add
  for (const at::Tensor* w : weights) packed_weights.push_back(packed->of(*w));
  forward_product(x.floats, k, rows, k, packed_weights, addend, y.floats, columns);
}

void input_gradient(ConstValues dy, int64_t dy_row, int64_t rows, const ProductWeights& weights,
                    int64_t k, float* dx) {
  Kernels& kernels = kernels_of(weights.front());
  with_weights(weights, k, [&](std::span<const Weight> part, int64_t column) {
    kernels.input_gradient(dy + column, dy_row, rows, part, k, dx, k, column > 0);
  });
}

bool records(std::initializer_list<const at::Tensor*> operands) {
  return at::GradMode::is_enabled() &&
         std::ranges::any_of(operands, [](const at::Tensor* t) { return t->requires_grad(); });
}

torch::autograd::Edge gradient_edge(const at::Tensor& operand) {
  if (!operand.defined() || !operand.requires_grad() || has_buffer(operand)) return {};
  return torch::autograd::impl::gradient_edge(operand);
}

torch::autograd::edge_list gradient_edges(std::initializer_list<const at::Tensor*> operands) {
  torch::autograd::edge_list out;
  for (const at::Tensor* operand : operands) out.push_back(gradient_edge(*operand));
  return out;
}

GradientTarget::GradientTarget(const at::Tensor& parameter, bool wanted) {
  if (!wanted) return;
  if (has_buffer(parameter)) {
    make_present(parameter.grad());
    data_ = parameter.mutable_grad().data_ptr<float>();
    return;
  }
  made_ = at::zeros_like(parameter);
  data_ = made_.data_ptr<float>();
}

at::Tensor linear(const at::Tensor& x, const at::Tensor& w) {
  const bool fit = x.defined() && w.defined() && x.dim() > 0 && w.dim() == 2 &&
                   x.size(-1) == w.size(1) && x.scalar_type() == w.scalar_type() &&
                   x.device() == w.device();
  require_operands(fit, "slipway::linear_v1", "x [.., k] and weight [n, k] of one type", {&x, &w});
  if (!plain(x, w)) {
    if (StoredMatrix::of(w) != nullptr)
      fail(
          "slipway::linear_v1: x must be [T, k] float32 where weights are stored in fewer bits "
          "(lora.base_dtype); was given {}",
          described(x));
    return at::linear(x, w);
  }
  const ProductAdapters adapters({&w});
  return records({&x, &w}) || adapters.recorded() ? recorded_linear(x, w, adapters)
                                                  : unrecorded(x, w);
}

at::Tensor linear(const at::Tensor& x, const at::Tensor& w, const at::Tensor& bias) {
  const at::Tensor y = slipway::linear(x, w);
  if (!bias.defined()) return y;
  const bool fit = floats_together({&y, &bias}) && bias.dim() == 1 && bias.is_contiguous() &&
                   y.dim() == 2 && bias.size(0) == y.size(1);
  require_operands(fit, "slipway::linear_v2", "x [T, k], weight [n, k] and bias [n], float32",
                   {&x, &w, &bias});
  return AddBias::apply(y, bias);
}

bool comes_from_linear(const at::Tensor& tensor) {
  return dynamic_cast<LinearNode*>(tensor.grad_fn().get()) != nullptr;
}

at::Tensor embedding(const at::Tensor& w_in, const at::Tensor& ids_in) {
  const bool fit = floats_together({&w_in}) && w_in.dim() == 2 && ids_in.defined() &&
                   ids_in.dim() == 1 && ids_in.scalar_type() == at::kLong &&
                   ids_in.device() == w_in.device();
  require_operands(fit, "slipway::embedding_v1", "weight [V, d] float32 and ids [T] int64",
                   {&w_in, &ids_in});
  const at::Tensor w = w_in.contiguous(), ids = ids_in.contiguous();
  return records({&w}) ? Embedding::apply(w, ids) : look_up(w, ids);
}

}  // namespace slipway
