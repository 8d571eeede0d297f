// Label tokens as a loss plugin receives them.
#include "loop/plugin_loss.h"

#include "operators/accelerator/device_tensors.h"
#include "operators/linear.h"
#include "operators/token_scores.h"

namespace slipway {
namespace {

std::vector<const Json*> columns_of(const PackedBatch& batch) {
  std::vector<const Json*> out;
  for (const Example* example : batch.examples) out.push_back(example->columns);
  return out;
}

}  // namespace

PluginLoss::PluginLoss(const LossPlugin& plugin, const PackedBatch& batch, int64_t num_items,
                       int64_t step, bool evaluation)
    : plugin_(plugin),
      batch_(batch),
      evaluation_(evaluation),
      targets_(batch.targets.begin(), batch.targets.end()),
      columns_(columns_of(batch), plugin.column_types()) {
  for (size_t e = 0; e < batch.examples.size(); ++e) {
    const Example& example = *batch.examples[e];
    for (const int64_t label : example.labels()) {
      positions_.push_back(label);
      examples_.push_back(static_cast<int64_t>(e));
    }
  }
  told_.struct_size = sizeof told_;
  told_.evaluation = evaluation;
  told_.step = step;
  told_.num_items = num_items;
  told_.columns = columns_.data();
  told_.column_count = columns_.size();
  told_.column_present = columns_.present();
  told_.example_count = static_cast<uint32_t>(batch.examples.size());
}

double PluginLoss::of(at::Tensor& logits_NV, int64_t first) {
  const auto from = static_cast<size_t>(first), count = static_cast<size_t>(logits_NV.size(0));
  logits_NV = logits_NV.contiguous();
  const at::Tensor targets_N =
      int64_tensor({batch_.targets.begin() + first,
                    batch_.targets.begin() + first + static_cast<int64_t>(count)});
  const TokenScores scores = token_scores(logits_NV, targets_N);
  told_.vocab_size = logits_NV.size(1);
  told_.size = count;
  told_.targets = targets_.data() + from;
  told_.positions = positions_.data() + from;
  told_.examples = examples_.data() + from;
  told_.logprobs = scores.logprobs_N.const_data_ptr<float>();
  told_.log_normalizers = scores.log_normalizers_N.const_data_ptr<float>();
  if (plugin_.takes_logits()) {
    const at::Tensor here_NV = logits_NV.cpu();
    const double loss = plugin_.logits(told_, here_NV.data_ptr<float>());
    if (!evaluation_) put_back(here_NV, logits_NV);
    return loss;
  }
  if (evaluation_) return plugin_.tokens(told_, nullptr, nullptr);
  d_logprobs_.assign(count, 0);
  d_log_normalizers_.assign(count, 0);
  const double loss = plugin_.tokens(told_, d_logprobs_.data(), d_log_normalizers_.data());
  token_gradients(logits_NV, targets_N, scores, d_logprobs_.data(), d_log_normalizers_.data());
  return loss;
}

}  // namespace slipway
