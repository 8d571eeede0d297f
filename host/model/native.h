// Path B: a plugin whose model is a torch::nn::Module, from token ids to logits in one call.
#pragma once
#include <memory>
#include <string>

#include "model/parameters.h"
#include "compute/torch.h"
#include "operators/attention_context.h"
#include "slipway/model.h"

namespace torch::nn {
class Module;
}

namespace slipway {

class NativeModule {
 public:
  // Of the plugin's slipway.model.torch-native/1; the plugin outlives this. Throws Error, also when
  // it was built with another LibTorch.
  NativeModule(slw_plugin* plugin, const slw_model_torch_native& table, std::string name);

  // Copies the module's values into `parameters`, which declare the same ones in the same order,
  // and makes them the module's storage. Throws Error where they differ.
  void adopt(FlatParameters& parameters);

  // Logits [T, vocab] of packed ids [T]. Sequences are padded to one length; one that several go on
  // from is computed with each. [loop]
  at::Tensor logits(const at::Tensor& ids_T, const AttentionContext& context, bool training);

 private:
  slw_plugin* plugin_;
  const slw_model_torch_native& table_;
  std::string name_;
  std::shared_ptr<torch::nn::Module> module_;
};

}  // namespace slipway
