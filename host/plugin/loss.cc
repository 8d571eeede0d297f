// Label tokens across the boundary.
#include "plugin/loss.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "plugin/trampoline.h"

namespace slipway {

LossPlugin::LossPlugin(Plugin plugin)
    : plugin_(std::move(plugin)), table_(plugin_.interface<slw_loss>(SLW_LOSS)), takes_logits_(SLW_HAS(table_, logits)) {
  if (!takes_logits_ && !SLW_HAS(table_, tokens)) fail("plugin {} offers {} without tokens() or logits()", id(), SLW_LOSS);
}

double LossPlugin::checked(const char* function, double loss) const {
  if (!std::isfinite(loss)) fail("plugin {}, {}(): the loss is {}", id(), function, loss);
  return loss;
}

double LossPlugin::tokens(const slw_loss_batch& batch, float* d_logprobs, float* d_log_normalizers) const {
  double loss = 0;
  call_plugin(id(), "tokens", [&](slw_error* error) { return table_->tokens(plugin_.get(), &batch, &loss, d_logprobs, d_log_normalizers, error); });
  return checked("tokens", loss);
}

double LossPlugin::logits(const slw_loss_batch& batch, float* logits) const {
  double loss = 0;
  call_plugin(id(), "logits", [&](slw_error* error) { return table_->logits(plugin_.get(), &batch, &loss, logits, error); });
  return checked("logits", loss);
}

std::vector<std::pair<std::string, double>> LossPlugin::reported() const {
  struct Sum {
    std::string name;
    double value = 0, count = 0;
  };
  std::vector<Sum> sums;
  for (const auto& [name, value] : plugin_.services().drain_scalars()) {
    auto at = std::ranges::find(sums, name, &Sum::name);
    if (at == sums.end()) at = sums.insert(at, {name});
    at->value += value;
    at->count += 1;
  }
  std::vector<std::pair<std::string, double>> out;
  for (const Sum& sum : sums) out.emplace_back(sum.name, sum.value / sum.count);
  return out;
}

}  // namespace slipway
