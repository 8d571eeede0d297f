// A metric plugin as an evaluation calls it.
#pragma once
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "plugin/registry.h"
#include "slipway/metric.h"

namespace slipway {

class MetricPlugin {
 public:
  // `prefix` stands before the names that the plugin gives. Throws Error when it offers no begin(),
  // update() and finish().
  MetricPlugin(Plugin plugin, std::string prefix);

  const char* id() const { return plugin_.id(); }

  // An evaluation of one set begins: the state is zeros from here on. Throws Error when the plugin
  // fails, or asks for what there is not. [loop, as the rest]
  void begin(const std::string& set, int64_t examples, int64_t vocab_size);
  bool wants_predictions() const { return (needs_.flags & SLW_METRIC_PREDICTIONS) != 0; }
  size_t reduced_width() const {
    return needs_.reduced_width;
  }  // > 0: reduce() is to be called for every row of logits
  // `out` [rows, reduced_width].
  void reduce(const slw_metric_logits& logits, float* out) const;
  void update(const slw_metric_batch& batch);
  // What update() has added up so far; that of other processes may be added to it.
  std::span<double> state() { return state_; }
  // Named values; may be NaN. Throws Error also on a name that is none, or one given twice.
  std::vector<std::pair<std::string, double>> finish() const;

 private:
  Plugin plugin_;
  std::string prefix_;
  const slw_metric_plugin* table_;
  slw_metric_needs needs_{};
  std::vector<double> state_;
};

}  // namespace slipway
