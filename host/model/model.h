// The host's view of a model: parameters, a forward over packed tokens, a head over chosen rows.
// Adapters map plugin interfaces onto it: this one path A, LibTorch's stable ABI, and native.h path
// B.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "model/lora.h"
#include "model/native.h"
#include "model/parameters.h"
#include "model/weight_window.h"
#include "operators/key_value_cache.h"
#include "operators/packed_weights.h"
#include "slipway/model.h"

namespace slipway {

// What the plugin's slipway.model/1 declares; no memory is allocated for it. Throws Error where
// there is no such interface.
std::vector<ParameterSpec> declared_parameters(slw_plugin* plugin, const std::string& name);

class Model {
 public:
  // `plugin` must offer slipway.model/1 and slipway.model.torch-stable/1 or .torch-native/1, and
  // outlive the model. `name` is used in errors. Allocates the parameters: zeros, or with path B
  // the module's values. `trained` = false: no parameter is trainable and none has a gradient, for
  // models that only write or are measured. Throws Error.
  // `sharding`: what of it this process keeps; with cuts_weights() gather_from() follows, before
  // anything is computed, and not together with matrices in fewer bits. `lora`: its weights are
  // frozen, and adapters beside them are trained (model/lora.h); their values are zeros too.
  Model(slw_plugin* plugin, std::string name, bool trained = true, const Sharding& sharding = {},
        const Lora* lora = nullptr);

  FlatParameters& parameters() { return *parameters_; }
  const FlatParameters& parameters() const { return *parameters_; }
  const slw_model_info& info() const { return info_; }
  // Path B: from ids to logits at once. Such a model has no embeddings apart, no blocks and no
  // cache: it cannot generate.
  bool in_one_piece() const { return native_ != nullptr; }
  // What a folder of the model holds beside its weights: the file's name (nullptr = there is none),
  // its bytes, and back. Throws Error.
  const char* state_file() const;
  std::string state() const;
  void restore_state(std::string_view bytes);
  // What is trained beside frozen weights; empty: the weights themselves are.
  const Adapters& adapters() const { return adapters_; }
  // What is computed while one lives is computed by the weights that the model came with. [loop]
  class WithoutAdapters {
   public:
    explicit WithoutAdapters(Model& model) : model_(model) { model.adapted_ = false; }
    ~WithoutAdapters() { model_.adapted_ = true; }
    WithoutAdapters(const WithoutAdapters&) = delete;
    WithoutAdapters& operator=(const WithoutAdapters&) = delete;

   private:
    Model& model_;
  };
  // What dropout of adapters draws by, until the next call: of one part of a batch, forward and
  // backward. [loop]
  void seed_dropout(uint64_t seed) { dropout_seed_ = seed; }

  // An empty cache that fits the model's attention. Throws Error on a model in one piece.
  std::unique_ptr<KeyValueCache> make_cache(const KeyValueCache::Size& size) const;

  // From here on the weights of a segment are gathered from those ranks when it computes.
  // `travels_as` as WeightWindow has it. [loop]
  void gather_from(RankGroup& ranks, at::ScalarType travels_as = at::kFloat);
  // nullptr: all weights are there always.
  WeightWindow* window() { return window_.get(); }

  // The weights as decoding wants them; whoever opens a scope on them calls forget() first. [loop]
  PackedWeights& packed_weights() { return packed_weights_; }

  // In training, every `n`-th block from the first on is computed again in the backward pass, and
  // keeps its input alone; 0 = none. [loop]
  void recompute_every(int64_t n) { recompute_every_ = n; }
  // Blocks that are.
  int64_t recomputed_blocks() const;

  // From here on the backward pass of what is computed in training tells when a segment's is
  // behind: no gradient of a parameter that it reads is going to change, unless a lower segment
  // reads it too. From the head down to segment 1; of a model in one piece nothing is told.
  // nullptr: no more. [loop; `behind` is called on the thread of the backward pass]
  void tell_backward(std::function<void(int32_t segment)> behind);

  // Embeddings [T, d] of ids [T] at positions [T], both int64; of a model in one piece the ids
  // themselves. [loop]
  at::Tensor embedded(const at::Tensor& ids_T, const at::Tensor& positions_T,
                      const AttentionContext& context, bool training);
  // Hidden states [T, d] before the head, of embeddings; of a model in one piece its logits [T,
  // vocab]. In training `context` must outlive the backward pass. [loop]
  at::Tensor blocks(const at::Tensor& x_TD, const at::Tensor& positions_T,
                    const AttentionContext& context, bool training);
  // One after the other. [loop]
  at::Tensor hidden(const at::Tensor& ids_T, const at::Tensor& positions_T,
                    const AttentionContext& context, bool training);
  // Logits [N, vocab] float32 of chosen rows of hidden(). Throws Error when the head gives anything
  // else. [loop]
  at::Tensor logits(const at::Tensor& hidden_ND, bool training);

 private:
  // All of them were used by a forward pass. Throws Error naming one that was not.
  void check_adapters();
  at::Tensor segment(int32_t index, const at::Tensor& x, const at::Tensor& positions,
                     int64_t context, bool training);
  bool recomputes(int64_t block) const {
    return recompute_every_ > 0 && block % recompute_every_ == 0;
  }

  slw_plugin* plugin_;
  std::string name_;
  const slw_model* table_;
  const slw_model_torch_stable* stable_ = nullptr;  // path A ...
  std::unique_ptr<NativeModule> native_;            // ... or B
  slw_model_info info_{};
  std::unique_ptr<FlatParameters> parameters_;
  Adapters adapters_;
  bool adapted_ = true;
  bool adapters_checked_ = false;
  uint64_t dropout_seed_ = 0;
  std::unique_ptr<WeightWindow> window_;  // may be none
  PackedWeights packed_weights_;
  int64_t recompute_every_ = 0;
  std::shared_ptr<const std::function<void(int32_t)>> behind_;  // may be none
};

// All weights are there while it lives: for what reads them in another way than pass by pass. Every
// rank makes one. [loop]
class WholeWeights {
 public:
  explicit WholeWeights(Model& model) : window_(model.window()) {
    if (window_ != nullptr) window_->hold_all();
  }
  ~WholeWeights() {
    if (window_ != nullptr) window_->let_go();
  }
  WholeWeights(const WholeWeights&) = delete;
  WholeWeights& operator=(const WholeWeights&) = delete;

 private:
  WeightWindow* window_;
};

}  // namespace slipway
