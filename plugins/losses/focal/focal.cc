// Loss: focal (Lin et al., "Focal loss for dense object detection", 2017): -(1 - p)^gamma log p, so
// that tokens which the model is sure of count less.
#include <algorithm>
#include <cmath>

#include "slipway/plugin.hpp"

struct Focal : slipway::Loss<Focal> {
  static constexpr auto id = "org.slipway.loss.focal", name = "Focal loss", version = "1.0.0",
                        license = "Apache-2.0",
                        help = "Tokens that the model is sure of count less: -(1 - p)^gamma log p.";
  static constexpr slw_option gamma =
      slipway::option(SLW_FLOAT, "gamma", "How much less; 0 = the plain -log p.", "2.0", "0.0",
                      nullptr, nullptr, SLW_OPTION_SEARCHABLE);
  static constexpr const slw_option* options[] = {&gamma, nullptr};

  explicit Focal(slipway::Config c) : gamma_(c.number("gamma")) {}
  slipway::TokenLoss token(const slipway::LabelToken& t) const {
    const double logprob = std::min(t.logprob, 0.0), p = std::exp(logprob),
                 rest = -std::expm1(logprob), weight = std::pow(rest, gamma_);
    // of the weight, times log p
    const double slope = rest > 0 ? gamma_ * weight / rest * p * logprob : 0;
    return {-weight * logprob, slope - weight};
  }

 private:
  double gamma_;
};
SLW_EXPORT_LOSS(Focal);
