// A loss plugin as the loop calls it.
#pragma once
#include <string>
#include <utility>
#include <vector>

#include "plugin/registry.h"
#include "slipway/loss.h"

namespace slipway {

class LossPlugin {
 public:
  explicit LossPlugin(Plugin plugin);  // throws Error when it offers neither tokens() nor logits()

  const char* id() const { return plugin_.id(); }
  bool takes_logits() const { return takes_logits_; }
  // What the batch's tokens add to the step's loss, with the derivatives where slw_loss says. Throws Error when the plugin fails, or the
  // loss is no finite number. [loop]
  double tokens(const slw_loss_batch& batch, float* d_logprobs, float* d_log_normalizers) const;
  double logits(const slw_loss_batch& batch, float* logits) const;

  // The mean of each number that the plugin reported since the last call, in the order of their first. [loop]
  std::vector<std::pair<std::string, double>> reported() const;

 private:
  double checked(const char* function, double loss) const;

  Plugin plugin_;
  const slw_loss* table_;
  bool takes_logits_;
};

}  // namespace slipway
