// The few operators that the model is written with, over LibTorch's stable ABI; the fused ones are the host's.
#pragma once
#include <torch/csrc/stable/ops.h>
#include <torch/csrc/stable/tensor.h>

#include <array>
#include <optional>

namespace llama {

using torch::stable::Tensor;

// Calls any operator by name; an error of LibTorch or of the host arrives as std::runtime_error.
template <class... Args>
Tensor call(const char* name, Args... args) {
  std::array<StableIValue, sizeof...(Args)> stack{torch::stable::detail::from(args)...};
  STABLE_TORCH_ERROR_CODE_CHECK(torch_call_dispatcher(name, "", stack.data(), TORCH_ABI_VERSION));
  return torch::stable::detail::to<Tensor>(stack[0]);
}

inline Tensor embedding(const Tensor& weight_VD, const Tensor& ids_T) {
  return call("aten::embedding", weight_VD, ids_T, int64_t{-1}, false, false);
}
inline Tensor linear(const Tensor& x_TD, const Tensor& weight_FD, const std::optional<Tensor>& bias_F = std::nullopt) {
  return call("aten::linear", x_TD, weight_FD, bias_F);
}
inline Tensor add(const Tensor& a, const Tensor& b) { return torch::stable::subtract(a, b, -1.0); }
inline Tensor heads(const Tensor& x_TD, int64_t count, int64_t width) {
  return torch::stable::view(x_TD, {x_TD.size(0), count, width});
}
inline Tensor rms_norm(const Tensor& x, const Tensor& weight, double eps) {
  return call("slipway::rms_norm_v1", x, weight, eps);
}
inline Tensor rope(const Tensor& x_THD, const Tensor& positions_T, double theta) {
  return call("slipway::rope_v1", x_THD, positions_T, theta);
}
inline Tensor swiglu(const Tensor& gate, const Tensor& up) { return call("slipway::swiglu_v1", gate, up); }
inline Tensor attention(const Tensor& q_THD, const Tensor& k_TGD, const Tensor& v_TGD, double scale, int64_t layer,
                        int64_t context) {
  return call("slipway::attention_v1", q_THD, k_TGD, v_TGD, scale, layer, context);
}

}  // namespace llama
