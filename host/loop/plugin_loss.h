// The loss of a packed batch as a loss plugin says it.
#pragma once
#include <vector>

#include "compute/torch.h"
#include "data/packing.h"
#include "plugin/columns.h"
#include "plugin/loss.h"

namespace slipway {

class PluginLoss {
 public:
  // `num_items`: label tokens of the whole step, or evaluation batch. Plugin and batch outlive
  // this.
  PluginLoss(const LossPlugin& plugin, const PackedBatch& batch, int64_t num_items, int64_t step,
             bool evaluation);

  // What the batch's label tokens from `first` on, one for each row of logits [n, V], add to the
  // step's loss. Unless in evaluation the logits become its gradient in them. Throws Error. [loop]
  double of(at::Tensor& logits_NV, int64_t first);

 private:
  const LossPlugin& plugin_;
  const PackedBatch& batch_;
  const bool evaluation_;
  std::vector<int32_t> targets_;
  std::vector<int64_t> positions_, examples_;  // of each label token
  ColumnTable columns_;
  slw_loss_batch told_{};
  std::vector<float> d_logprobs_, d_log_normalizers_;
};

}  // namespace slipway
