// Metric: exp of the mean negative log-probability of the label tokens of the whole set, each token
// counting the same. (exp of Hugging Face's eval_loss weighs tokens by their batches.)
#include <cmath>
#include <limits>

#include "slipway/plugin.hpp"

namespace {

struct Perplexity : slipway::Metric<Perplexity> {
  static constexpr auto id = "org.slipway.metric.perplexity", name = "Perplexity",
                        version = "1.0.0", license = "Apache-2.0",
                        help = "exp of the mean loss of the set's label tokens.";
  static constexpr uint64_t state_size = 2;  // sum of log-probabilities, labels

  void update(const slw_metric_batch& b, double* state) const {
    for (uint64_t i = 0; i < b.labels; ++i) state[0] += static_cast<double>(b.logprobs[i]);
    state[1] += static_cast<double>(b.labels);
  }

  void finish(const double* state, const slipway::Emit& emit) const {
    emit("perplexity",
         state[1] > 0 ? std::exp(-state[0] / state[1]) : std::numeric_limits<double>::quiet_NaN());
  }
};

}  // namespace

SLW_EXPORT_METRIC(Perplexity);
