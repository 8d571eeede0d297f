// Metric: the share of examples all of whose label tokens are the most likely token, given the
// right ones before: what greedy decoding would have written to the letter.
#include <limits>

#include "slipway/plugin.hpp"

namespace {

struct ExactMatch : slipway::Metric<ExactMatch> {
  static constexpr auto id = "org.slipway.metric.exact_match", name = "Exact match",
                        version = "1.0.0", license = "Apache-2.0",
                        help =
                            "Share of examples whose every label token is the most likely token.";
  static constexpr uint64_t state_size = 2;  // matches, examples with labels
  static constexpr uint32_t flags = SLW_METRIC_PREDICTIONS;

  void update(const slw_metric_batch& b, double* state) const {
    for (uint32_t e = 0; e < b.examples; ++e) {
      if (b.offsets[e] == b.offsets[e + 1]) continue;
      bool all = true;
      for (int64_t i = b.offsets[e]; i < b.offsets[e + 1]; ++i)
        all = all && b.predictions[i] == b.label_ids[i];
      state[0] += all;
      state[1] += 1;
    }
  }

  void finish(const double* state, const slipway::Emit& emit) const {
    emit("exact_match",
         state[1] > 0 ? state[0] / state[1] : std::numeric_limits<double>::quiet_NaN());
  }
};

}  // namespace

SLW_EXPORT_METRIC(ExactMatch);
