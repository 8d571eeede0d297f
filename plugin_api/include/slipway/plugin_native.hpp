// SPDX-License-Identifier: Apache-2.0
// plugin_native.hpp -- C++ sugar for models on path B: any torch::nn::Module from token ids to
// logits. Needs LibTorch's headers at build time and C++20; the binary runs with the very LibTorch
// that it was built with.
#pragma once
#include <c10/util/Exception.h>
#include <torch/nn/module.h>

#include <algorithm>
#include <cctype>

#include "model.hpp"
#include "torch_build.hpp"

namespace slipway {

// Derive, implement module(), forward() and info(), export with SLW_EXPORT_NATIVE_MODEL.
//   std::shared_ptr<torch::nn::Module> module();  // with its weights, float32 on the CPU; one and
//   the same in every call at::Tensor forward(const at::Tensor &ids_BL, const at::Tensor &mask_BL,
//   bool training);  // logits [B, L, vocab]; module()'s mode is set slw_model_info info() const;
//   // struct_size is filled in void save(slw_ostream *out) const;            // with load(), where
//   Self has a static member state_file: what the file of that name in void load(slw_istream *in);
//   // a folder of the model holds beside the weights
// Self has static members id, name, version, license, help and options, as every plugin.
template <class Self>
class NativeModel : public ModelPlugin<Self> {
 public:
  static constexpr const char *kInterface = SLW_MODEL_TORCH_NATIVE, *state_file = nullptr;

  const void *interface(const char *interface_id) const {
    if (std::strcmp(interface_id, SLW_MODEL) == 0) return &this->model_;
    return std::strcmp(interface_id, kInterface) == 0 ? &native_ : nullptr;
  }
  // The tables, from the module's parameters.
  void complete() {
    std::vector<const void *> seen;
    for (const auto &entry : self().module()->named_parameters(true))
      declare(entry.key(), entry.value(), seen);
    this->complete_model();
    if constexpr (Self::state_file != nullptr) {
      this->model_.state_file = Self::state_file;
      this->model_.save = [](slw_plugin *p, slw_ostream *out, slw_error *err) noexcept {
        return told(err, [&] { static_cast<const Self *>(p)->save(out); });
      };
      this->model_.load = [](slw_plugin *p, slw_istream *in, slw_error *err) noexcept {
        return told(err, [&] { static_cast<Self *>(p)->load(in); });
      };
    }
    native_.struct_size = sizeof native_;
    native_.torch_build = SLW_TORCH_BUILD;
    native_.module = [](slw_plugin *p, void *out, slw_error *err) noexcept {
      return told(err, [&] {
        new (out) std::shared_ptr<torch::nn::Module>(static_cast<Self *>(p)->module());
      });
    };
    native_.forward = [](slw_plugin *p, const void *ids, const void *mask, int32_t training,
                         void *out, slw_error *err) noexcept {
      return told(err, [&] {
        new (out) at::Tensor(static_cast<Self *>(p)->forward(*static_cast<const at::Tensor *>(ids),
                                                             *static_cast<const at::Tensor *>(mask),
                                                             training != 0));
      });
    };
  }

 private:
  Self &self() { return static_cast<Self &>(*this); }

  // As guard(), without the stack trace that LibTorch's errors carry.
  template <class F>
  static slw_status told(slw_error *err, F &&f) noexcept {
    return guard(err, [&] {
      try {
        f();
      } catch (const c10::Error &e) {
        throw Error(SLW_INTERNAL, e.what_without_backtrace());
      }
    });
  }

  void declare(const std::string &name, const at::Tensor &tensor, std::vector<const void *> &seen) {
    if (tensor.scalar_type() != at::kFloat || !tensor.device().is_cpu())
      throw Error(SLW_INVALID_ARGUMENT, "parameter " + name + " is " +
                                            c10::toString(tensor.scalar_type()) + " on " +
                                            tensor.device().str() +
                                            "; float32 on the CPU is needed: module.float().cpu()");
    const auto before = std::find(seen.begin(), seen.end(), tensor.unsafeGetTensorImpl());
    const int32_t tied = before == seen.end() ? -1 : static_cast<int32_t>(before - seen.begin());
    seen.push_back(tensor.unsafeGetTensorImpl());
    this->parameter(name, tensor.sizes().vec(), 0,
                    {SLW_INIT_ZERO, 0, decays(name), tied, tensor.requires_grad()});
  }

  // The Hugging Face Trainer's rule, by the name alone: no weight decay for biases and norms.
  static bool decays(const std::string &name) {
    std::string lower = name;
    for (char &c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    if (lower.find("bias") != std::string::npos || lower.find("layernorm") != std::string::npos ||
        lower.find("rmsnorm") != std::string::npos)
      return false;
    for (size_t at = 0; at <= lower.size();) {
      const size_t dot = std::min(lower.find('.', at), lower.size());
      const std::string_view part = std::string_view(lower).substr(at, dot - at);
      if (part == "norm" || (part.size() > 5 && part.substr(part.size() - 5) == "_norm"))
        return false;
      at = dot + 1;
    }
    return true;
  }

  slw_model_torch_native native_{};
};

}  // namespace slipway

#define SLW_EXPORT_NATIVE_MODEL(P) SLW_EXPORT_MODEL_AS(P, 2, TORCH_ABI_VERSION, SLW_TORCH_BUILD)
