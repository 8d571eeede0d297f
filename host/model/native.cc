// Padding what the host packs, for a module that knows rows alone.
#include "model/native.h"

#include <torch/nn/module.h>

#include <algorithm>
#include <new>

#include "base/error.h"
#include "base/trace.h"
#include "operators/accelerator/device_tensors.h"
#include "plugin/trampoline.h"
#include "slipway/torch_build.hpp"

namespace slipway {
namespace {

// One row for each sequence: its tokens' places in the pack, the shared prefix first.
std::vector<std::vector<int64_t>> rows_of(const std::vector<PrefixTree>& trees) {
  std::vector<std::vector<int64_t>> out;
  const auto append = [](std::vector<int64_t>& row, const TokenRun& run) {
    for (int64_t i = 0; i < run.length; ++i) row.push_back(run.begin + i);
  };
  for (const PrefixTree& tree : trees) {
    for (size_t leaf = tree.runs.size() > 1 ? 1 : 0; leaf < tree.runs.size(); ++leaf) {
      std::vector<int64_t>& row = out.emplace_back();
      append(row, tree.runs[0]);
      if (leaf > 0) append(row, tree.runs[leaf]);
    }
  }
  return out;
}

}  // namespace

NativeModule::NativeModule(slw_plugin* plugin, const slw_model_torch_native& table,
                           std::string name)
    : plugin_(plugin), table_(table), name_(std::move(name)) {
  if (!SLW_HAS(&table_, torch_build) || std::string_view(table_.torch_build) != SLW_TORCH_BUILD)
    fail("plugin {}: was not built with \"{}\", the LibTorch of this host; rebuild it", name_,
         SLW_TORCH_BUILD);
  if (accelerator() != nullptr)
    fail("plugin {} computes on the processor alone: set train.device = \"cpu\"", name_);
  if (!SLW_HAS(&table_, module) || !SLW_HAS(&table_, forward))
    fail("plugin {}: its " SLW_MODEL_TORCH_NATIVE " lacks module() or forward()", name_);
  using Pointer = std::shared_ptr<torch::nn::Module>;
  alignas(Pointer) std::byte place[sizeof(Pointer)];
  call_plugin(name_.c_str(), "module",
              [&](slw_error* error) { return table_.module(plugin_, place, error); });
  auto* made = std::launder(reinterpret_cast<Pointer*>(place));
  module_ = std::move(*made);
  std::destroy_at(made);
  if (module_ == nullptr) fail("plugin {}, module(): gave none", name_);
}

void NativeModule::adopt(FlatParameters& parameters) {
  const at::NoGradGuard no_grad;
  const auto named = module_->named_parameters(true);
  if (named.size() != parameters.specs().size())
    fail("plugin {}: declares {} parameters, its module has {}", name_, parameters.specs().size(),
         named.size());
  for (size_t i = 0; i < named.size(); ++i) {
    at::Tensor theirs = named[i].value();
    const at::Tensor& ours = parameters.tensor(i);
    if (theirs.sizes() != ours.sizes() || theirs.scalar_type() != ours.scalar_type())
      fail("plugin {}: declares parameter {} otherwise than its module's {}", name_,
           parameters.specs()[i].name, named[i].key());
    ours.copy_(theirs);
    theirs.set_data(ours.detach());
    if (!parameters.specs()[i].trainable) continue;
    theirs.requires_grad_(true);
    theirs.mutable_grad() = ours.grad();
  }
}

at::Tensor NativeModule::logits(const at::Tensor& ids_T, const AttentionContext& context,
                                bool training) {
  const TraceScope trace("model", "module");
  const std::vector<std::vector<int64_t>> rows = rows_of(*context.trees);
  size_t longest = 0;
  for (const auto& row : rows) longest = std::max(longest, row.size());
  const auto count = static_cast<int64_t>(rows.size()), length = static_cast<int64_t>(longest),
             tokens = ids_T.size(0);
  const at::Tensor ids_BL = at::zeros({count, length}, at::kLong), mask_BL = at::zeros_like(ids_BL);
  std::vector<int64_t> places(static_cast<size_t>(tokens), -1);  // of each token in [B * L]
  const int64_t* from = ids_T.const_data_ptr<int64_t>();
  for (int64_t r = 0; r < count; ++r) {
    const auto& row = rows[static_cast<size_t>(r)];
    for (size_t c = 0; c < row.size(); ++c) {
      const int64_t place = r * length + static_cast<int64_t>(c);
      ids_BL.data_ptr<int64_t>()[place] = from[row[c]];
      mask_BL.data_ptr<int64_t>()[place] = 1;
      if (int64_t& known = places[static_cast<size_t>(row[c])]; known < 0) known = place;
    }
  }
  if (module_->is_training() != training) module_->train(training);
  alignas(at::Tensor) std::byte memory[sizeof(at::Tensor)];
  call_plugin(name_.c_str(), "forward", [&](slw_error* error) {
    return table_.forward(plugin_, &ids_BL, &mask_BL, training, memory, error);
  });
  auto* made = std::launder(reinterpret_cast<at::Tensor*>(memory));
  const at::Tensor out_BLV = std::move(*made);
  std::destroy_at(made);
  if (!out_BLV.defined() || out_BLV.dim() != 3 || out_BLV.size(0) != count ||
      out_BLV.size(1) != length || out_BLV.scalar_type() != at::kFloat)
    fail("plugin {}, forward(): for ids [{}, {}] logits [{}, {}, vocabulary] float32 are needed",
         name_, count, length, count, length);
  const at::Tensor flat_NV = out_BLV.reshape({count * length, out_BLV.size(2)});
  return tokens == count * length && std::ranges::is_sorted(places)
             ? flat_NV
             : flat_NV.index_select(0, at::tensor(places, at::kLong));
}

}  // namespace slipway
