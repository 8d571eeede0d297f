// Metric: the share of label tokens that the model would have written itself: each is its most
// likely token there, or, with top_k, one of the k most likely ones.
#include <limits>

#include "slipway/plugin.hpp"

namespace {

struct Accuracy : slipway::Metric<Accuracy> {
  static constexpr auto
      id = "org.slipway.metric.accuracy",
      name = "Accuracy", version = "1.0.0", license = "Apache-2.0",
      help = "Share of label tokens that are the most likely token, or among the k most likely.";
  static constexpr slw_option top_k =
      slipway::option(SLW_INT, "top_k",
                      "A label counts when fewer than this many tokens are more likely.", "1", "1");
  static constexpr const slw_option* options[] = {&top_k, nullptr};
  static constexpr uint64_t state_size = 2;  // hits, labels

  explicit Accuracy(slipway::Config c) : top_k_(c.integer("top_k")) {}

  void begin(const slw_metric_set&, slw_metric_needs& needs) {
    if (top_k_ == 1) needs.flags |= SLW_METRIC_PREDICTIONS;
    else needs.reduced_width = 1;
  }

  // The label's rank: how many tokens are more likely than it.
  void reduce(const slw_metric_logits& given, float* out) const {
    const int64_t vocab = given.logits->shape[1];
    const float* row =
        static_cast<const float*>(given.logits->data) + given.logits->byte_offset / sizeof(float);
    for (uint32_t r = 0; r < given.rows; ++r, row += vocab) {
      int64_t above = 0;
      for (int64_t v = 0; v < vocab; ++v) above += row[v] > row[given.labels[r]];
      out[r] = static_cast<float>(above);
    }
  }

  void update(const slw_metric_batch& b, double* state) const {
    for (uint64_t i = 0; i < b.labels; ++i)
      state[0] += top_k_ == 1 ? b.predictions[i] == b.label_ids[i]
                              : b.reduced[i] < static_cast<float>(top_k_);
    state[1] += static_cast<double>(b.labels);
  }

  void finish(const double* state, const slipway::Emit& emit) const {
    emit("accuracy", state[1] > 0 ? state[0] / state[1] : std::numeric_limits<double>::quiet_NaN());
  }

 private:
  int64_t top_k_;
};

}  // namespace

SLW_EXPORT_METRIC(Accuracy);
