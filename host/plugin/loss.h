// A loss plugin as the loop calls it.
#pragma once
#include <initializer_list>
#include <optional>
#include <span>

#include "plugin/columns.h"
#include "plugin/registry.h"
#include "slipway/loss.h"

namespace slipway {

class LossPlugin {
 public:
  // `types`: of the data set's columns; without them each batch's examples decide. Throws Error
  // when it offers neither tokens() nor logits().
  explicit LossPlugin(Plugin plugin, std::optional<ColumnTypes> types = {});

  const char* id() const { return plugin_.id(); }
  HostServices& services() const { return plugin_.services(); }
  const std::optional<ColumnTypes>& column_types() const { return types_; }
  bool takes_logits() const { return takes_logits_; }
  // What the batch's tokens add to the step's loss, with the derivatives where slw_loss says.
  // Throws Error when the plugin fails, or the loss or a derivative is no finite number; it says so
  // where the model's numbers are none already. [loop]
  double tokens(const slw_loss_batch& batch, float* d_logprobs, float* d_log_normalizers) const;
  double logits(const slw_loss_batch& batch, float* logits) const;

 private:
  // `batch`: what the plugin was given, `derivatives`: what it gave, unless in evaluation.
  void check(const char* function, const slw_loss_batch& batch, double loss,
             std::initializer_list<std::span<const float>> derivatives) const;

  Plugin plugin_;
  const slw_loss* table_;
  bool takes_logits_;
  std::optional<ColumnTypes> types_;
};

}  // namespace slipway
