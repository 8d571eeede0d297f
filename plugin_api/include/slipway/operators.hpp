// SPDX-License-Identifier: Apache-2.0
// operators.hpp -- C++ sugar over the host's operators (operators.h) for models on path A.
#pragma once
#include <torch/csrc/stable/ops.h>
#include <torch/csrc/stable/tensor.h>

#include <array>
#include <optional>
#include <vector>

#include "operators.h"

// Throws where a call of LibTorch failed. LibTorch 2.15 has a macro of its own for stable code,
// whose exception says what went wrong; 2.11 has the plain one alone, which says which call.
#ifdef STABLE_TORCH_ERROR_CODE_CHECK
#  define SLW_CHECK_TORCH(call) STABLE_TORCH_ERROR_CODE_CHECK(call)
#else
#  define SLW_CHECK_TORCH(call) TORCH_ERROR_CODE_CHECK(call)
#endif

namespace slipway {

using torch::stable::Tensor;
using OptionalTensor = std::optional<Tensor>;

namespace ops {

// Calls any operator with one tensor result by name; an error of LibTorch or of the host arrives as
// std::runtime_error.
template <class... Args>
Tensor call(const char *name, Args... args) {
  std::array<StableIValue, sizeof...(Args)> stack{torch::stable::detail::from(args)...};
  SLW_CHECK_TORCH(torch_call_dispatcher(name, "", stack.data(), TORCH_ABI_VERSION));
  return torch::stable::detail::to<Tensor>(stack[0]);
}
// [T, count * width] -> [T, count, width], without a copy
inline Tensor heads(const Tensor &x_TD, int64_t count, int64_t width) {
  return torch::stable::view(x_TD, {x_TD.size(0), count, width});
}
inline Tensor flat(const Tensor &x_THD, int64_t columns) {
  return torch::stable::reshape(x_THD, {x_THD.size(0), columns});
}
// Numbers that the model computed, such as inverse frequencies; in the processor's memory.
inline Tensor numbers(std::vector<float> values) {
  const auto count = static_cast<int64_t>(values.size());
  const int64_t sizes[] = {count}, strides[] = {1};
  return torch::stable::clone(
      torch::stable::from_blob(values.data(), sizes, strides,
                               torch::stable::Device(torch::headeronly::DeviceType::CPU),
                               torch::headeronly::ScalarType::Float));
}

// ---- one step each -----------------------------------------------------------------------------
inline Tensor embedding(const Tensor &weight_VD, const Tensor &ids_T) {
  return call("slipway::embedding_v1", weight_VD, ids_T);
}
inline Tensor add(const Tensor &a, const Tensor &b) { return call("slipway::add_v1", a, b); }
inline Tensor linear(const Tensor &x_TD, const Tensor &weight_FD,
                     const OptionalTensor &bias_F = std::nullopt) {
  return bias_F ? call("slipway::linear_v2", x_TD, weight_FD, bias_F)
                : call("slipway::linear_v1", x_TD, weight_FD);
}
inline Tensor rms_norm(const Tensor &x, const Tensor &weight, double eps) {
  return call("slipway::rms_norm_v1", x, weight, eps);
}
// kind: SLW_NORM_RMS, ...
inline Tensor norm(const Tensor &x, const Tensor &weight, const OptionalTensor &bias, slw_norm kind,
                   double eps) {
  return call("slipway::norm_v2", x, weight, bias, int64_t{kind}, eps);
}
inline Tensor rope(const Tensor &x_THD, const Tensor &positions_T, double theta) {
  return call("slipway::rope_v1", x_THD, positions_T, theta);
}
inline Tensor rope(const Tensor &x_THD, const Tensor &positions_T,
                   const Tensor &inverse_frequencies, double scale) {
  return call("slipway::rope_v2", x_THD, positions_T, inverse_frequencies, scale);
}
inline Tensor swiglu(const Tensor &gate, const Tensor &up) {
  return call("slipway::swiglu_v1", gate, up);
}
// activation: SLW_ACTIVATION_SILU, ...
inline Tensor gated(const OptionalTensor &gate, const Tensor &up, slw_activation activation) {
  return call("slipway::gated_v1", gate, up, int64_t{activation});
}
inline Tensor attention(const Tensor &q_THD, const Tensor &k_TGD, const Tensor &v_TGD, double scale,
                        int64_t layer, int64_t context) {
  return call("slipway::attention_v1", q_THD, k_TGD, v_TGD, scale, layer, context);
}
inline Tensor attention(const Tensor &q_THD, const Tensor &k_TGD, const Tensor &v_TGD, double scale,
                        double softcap, int64_t window, int64_t layer, int64_t context) {
  return call("slipway::attention_v2", q_THD, k_TGD, v_TGD, scale, softcap, window, layer, context);
}
inline Tensor scaled(const Tensor &x, double factor) {
  return factor == 1 ? x : call("slipway::scaled_v1", x, factor);
}
inline Tensor softcap(const Tensor &x, double cap) {
  return cap == 0 ? x : call("slipway::softcap_v1", x, cap);
}

}  // namespace ops
}  // namespace slipway
