// SPDX-License-Identifier: Apache-2.0
// plugin_torch.hpp -- C++ sugar for models on path A: a forward written over LibTorch's stable ABI,
// recorded by the host's autograd. Needs LibTorch's headers at build time and C++20; the binary
// runs with any LibTorch from TORCH_ABI_VERSION on.
#pragma once
#include "model.hpp"
#include "blocks.hpp"

namespace slipway {

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
// The same for a model that calls operators of a later minor than 0 (operators.h): an older host
// refuses it.
#define SLW_EXPORT_MODEL_SINCE(P, minor) SLW_EXPORT_MODEL_AS(P, minor, TORCH_ABI_VERSION, "")
