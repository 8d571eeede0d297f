// A Llama of a few thousand weights, batches for it, and its gradients.
#pragma once
#include <cstdio>
#include <vector>

#include "base/json.h"
#include "loop/loss.h"
#include "plugin/registry.h"

#include "operators/accelerator/device_tensors.h"
#include "tests/unit/built.h"

namespace slipway {

class TinyModel {
 public:
  explicit TinyModel(const Sharding& sharding = {})
      : model(plugin_.get(), plugin_.id(), /*trained=*/true, sharding) {
    model.parameters().initialise(5);
  }

  // Every gradient, in the buffers' order.
  at::Tensor gradients() const {
    std::vector<at::Tensor> all;
    for (const FlatParameters::Group& group : model.parameters().groups())
      all.push_back(group.grads);
    return at::cat(all).clone();
  }
  // Those of loss_backward(), whose value goes to `loss`.
  at::Tensor gradients_of(const PackedBatch& batch, const Objective& objective = {},
                          double* loss = nullptr) {
    model.parameters().zero_grad();
    const double sum =
        loss_backward(model, batch, static_cast<int64_t>(batch.targets.size()), objective);
    if (loss != nullptr) *loss = sum;
    return gradients();
  }

  // Logits [N, V] of the batch's label tokens, recorded as LibTorch does.
  at::Tensor recorded_logits(const PackedBatch& batch, const AttentionContext& context) {
    const at::Tensor hidden_TD =
        model.hidden(int64_tensor(batch.ids), int64_tensor(batch.positions), context, true);
    return model.logits(hidden_TD.index_select(0, int64_tensor(batch.rows)), true);
  }

 private:
  static Plugin make() {
    static const Registry registry({built("plugins")});
    const auto& found = registry.find("llama", SLW_KIND_MODEL, {});
    Value options;
    options["config"] = value_of(parse_json(
        R"({"hidden_size": 24, "intermediate_size": 40, "num_hidden_layers": 3, "num_attention_heads": 4, "num_key_value_heads": 2,
                                                "vocab_size": 48, "initializer_range": 0.3, "tie_word_embeddings": true})",
        "tiny"));
    return Plugin(*found.library, *found.descriptor, options, {});
  }
  Plugin plugin_ = make();

 public:
  Model model;
};

// Four examples, two of which answer the same prompt.
inline std::vector<Example> tiny_examples() {
  return {{{3, 7, 1, 9, 10, 20, 4}, 4},
          {{3, 7, 1, 9, 11, 22}, 4},
          {{30, 31, 32, 33, 34, 35, 36, 37, 38}, 0},
          {{5, 6, 40}, 1}};
}
inline std::vector<const Example*> pointers(const std::vector<Example>& examples) {
  std::vector<const Example*> out;
  for (const Example& example : examples) out.push_back(&example);
  return out;
}
// Their attention: sequences that share nothing.
inline AttentionContext apart(const PackedBatch& batch) {
  std::vector<int32_t> ends = {0};
  for (const std::vector<TokenSpan>& spans : batch.trees)
    ends.push_back(static_cast<int32_t>(spans[0].begin + spans[0].length));
  return AttentionContext::packed(ends);
}

inline double largest_difference(const char* what, const at::Tensor& a, const at::Tensor& b) {
  const double out = (a - b).abs().max().item<double>();
  std::printf("%s: largest difference %.3g of %.3g\n", what, out, b.abs().max().item<double>());
  return out;
}

}  // namespace slipway
