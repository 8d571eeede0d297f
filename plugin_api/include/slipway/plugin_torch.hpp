// SPDX-License-Identifier: Apache-2.0
// plugin_torch.hpp -- C++ sugar for models on path A: a forward written over LibTorch's stable ABI,
// recorded by the host's autograd. Needs LibTorch's headers at build time and C++20; the binary
// runs with any LibTorch from TORCH_ABI_VERSION on.
#pragma once
#include <torch/csrc/stable/ops.h>
#include <torch/csrc/stable/tensor.h>

#include <array>

#include "model.hpp"

// Throws where a call of LibTorch failed. LibTorch 2.15 has a macro of its own for stable code,
// whose exception says what went wrong; 2.11 has the plain one alone, which says which call.
#ifdef STABLE_TORCH_ERROR_CODE_CHECK
#  define SLW_CHECK_TORCH(call) STABLE_TORCH_ERROR_CODE_CHECK(call)
#else
#  define SLW_CHECK_TORCH(call) TORCH_ERROR_CODE_CHECK(call)
#endif

namespace slipway {

using torch::stable::Tensor;

// ---- operators ---------------------------------------------------------------------------------
namespace ops {

// Calls any operator with one tensor result by name; an error of LibTorch or of the host arrives as
// std::runtime_error.
template <class... Args>
Tensor call(const char *name, Args... args) {
  std::array<StableIValue, sizeof...(Args)> stack{torch::stable::detail::from(args)...};
  SLW_CHECK_TORCH(torch_call_dispatcher(name, "", stack.data(), TORCH_ABI_VERSION));
  return torch::stable::detail::to<Tensor>(stack[0]);
}
inline Tensor embedding(const Tensor &weight_VD, const Tensor &ids_T) {
  return call("slipway::embedding_v1", weight_VD, ids_T);
}
inline Tensor linear(const Tensor &x_TD, const Tensor &weight_FD,
                     const std::optional<Tensor> &bias_F = std::nullopt) {
  const Tensor y_TF = call("slipway::linear_v1", x_TD, weight_FD);
  return bias_F ? torch::stable::subtract(y_TF, *bias_F, -1.0) : y_TF;
}
inline Tensor add(const Tensor &a, const Tensor &b) { return torch::stable::subtract(a, b, -1.0); }
// [T, count * width] -> [T, count, width], without a copy
inline Tensor heads(const Tensor &x_TD, int64_t count, int64_t width) {
  return torch::stable::view(x_TD, {x_TD.size(0), count, width});
}
inline Tensor flat(const Tensor &x_THD, int64_t columns) {
  return torch::stable::reshape(x_THD, {x_THD.size(0), columns});
}
// The host's fused operators (model.h).
inline Tensor rms_norm(const Tensor &x, const Tensor &weight, double eps) {
  return call("slipway::rms_norm_v1", x, weight, eps);
}
inline Tensor rope(const Tensor &x_THD, const Tensor &positions_T, double theta) {
  return call("slipway::rope_v1", x_THD, positions_T, theta);
}
inline Tensor swiglu(const Tensor &gate, const Tensor &up) {
  return call("slipway::swiglu_v1", gate, up);
}
inline Tensor attention(const Tensor &q_THD, const Tensor &k_TGD, const Tensor &v_TGD, double scale,
                        int64_t layer, int64_t context) {
  return call("slipway::attention_v1", q_THD, k_TGD, v_TGD, scale, layer, context);
}

// The two halves of a decoder block, each one operator: faster than their parts, and lighter.
inline Tensor attention_block(const Tensor &x_TD, const Tensor &norm_D, const Tensor &q,
                              const Tensor &k, const Tensor &v, const Tensor &o,
                              const Tensor &positions_T, int64_t heads, int64_t kv_heads,
                              double eps, double theta, double scale, int64_t layer,
                              int64_t context) {
  return call("slipway::attention_block_v1", x_TD, norm_D, q, k, v, o, positions_T, heads, kv_heads,
              eps, theta, scale, layer, context);
}
inline Tensor swiglu_block(const Tensor &x_TD, const Tensor &norm_D, const Tensor &gate_FD,
                           const Tensor &up_FD, const Tensor &down_DF, double eps) {
  return call("slipway::swiglu_block_v1", x_TD, norm_D, gate_FD, up_FD, down_DF, eps);
}

}  // namespace ops

// ---- the model ---------------------------------------------------------------------------------
// Derive, declare parameters in the constructor Self(ModelConfig), implement forward() and info(),
// export with SLW_EXPORT_MODEL.
//   Tensor forward(int32_t segment, const Tensor &x, const Tensor &positions, int64_t context, bool
//   training) const; slw_model_info info() const;                  // struct_size is filled in
// Self has static members id, name, version, license, help and options, as every plugin.
template <class Self>
class TorchModel : public ModelPlugin<Self> {
 public:
  static constexpr const char *kInterface = SLW_MODEL_TORCH_STABLE;

  const void *interface(const char *interface_id) const {
    if (std::strcmp(interface_id, SLW_MODEL) == 0) return &this->model_;
    return std::strcmp(interface_id, kInterface) == 0 ? &stable_ : nullptr;
  }
  // The tables, once everything is declared.
  void complete() {
    this->complete_model();
    stable_.struct_size = sizeof stable_;
    stable_.bind = [](slw_plugin *p, const slw_aten *handles, uint32_t n, slw_error *err) noexcept {
      return guard(err, [&] { static_cast<Self *>(p)->take(handles, n); });
    };
    stable_.forward = [](slw_plugin *p, int32_t segment, slw_aten x, slw_aten positions,
                         int64_t context, int32_t training, slw_aten *out,
                         slw_error *err) noexcept {
      return guard(err, [&] {
        const auto &model = *static_cast<const Self *>(p);
        if (model.weights_.empty()) throw Error(SLW_FAILED_PRECONDITION, "forward before bind");
        *out = own(reinterpret_cast<slw_aten>(
            model.forward(segment, borrowed(x), borrowed(positions), context, training != 0)
                .get()));
      });
    };
  }

 protected:
  // What the host's cache must hold for attention; not called = attends nothing.
  void attends(int64_t layers, int64_t kv_heads, int64_t width) {
    stable_.kv_layers = static_cast<int32_t>(layers);
    stable_.kv_heads = static_cast<int32_t>(kv_heads);
    stable_.kv_width = static_cast<int32_t>(width);
  }
  // By the index that parameter() returned.
  const Tensor &weight(size_t index) const { return weights_[index]; }

 private:
  // A handle of our own on the tensor behind the host's.
  static slw_aten own(slw_aten handle) {
    AtenTensorHandle out = nullptr;
    if (aoti_torch_new_tensor_handle(reinterpret_cast<AtenTensorHandle>(handle), &out) != 0)
      throw Error(SLW_INTERNAL, "cannot take a tensor handle");
    return reinterpret_cast<slw_aten>(out);
  }
  static Tensor borrowed(slw_aten handle) {
    return Tensor(reinterpret_cast<AtenTensorHandle>(own(handle)));
  }
  void take(const slw_aten *handles, uint32_t n) {
    if (n != this->parameter_count())
      throw Error(SLW_INVALID_ARGUMENT, "bind: wrong number of parameters");
    weights_.clear();
    for (uint32_t i = 0; i < n; ++i) weights_.push_back(borrowed(handles[i]));
  }

  std::vector<Tensor> weights_;
  slw_model_torch_stable stable_{};
};

}  // namespace slipway

#define SLW_EXPORT_MODEL(P) SLW_EXPORT_MODEL_AS(P, 0, TORCH_ABI_VERSION, "")
