// Growing, backing off.
#include "optim/grad_scaler.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace slipway {

GradScaler::GradScaler(const GradScalerSettings& settings)
    : settings_(settings),
      scale_(static_cast<float>(stays() ? settings.loss_scale : settings.init_scale)),
      good_steps_(first_count()),
      overflows_left_(settings.hysteresis - 1) {
  if (!(settings.loss_scale >= 0) || !std::isfinite(static_cast<float>(settings.loss_scale)))
    fail("loss_scale = {}: a number over 0 is needed, or 0 for a scale that follows overflows",
         settings.loss_scale);
  if (!(settings.init_scale > 0) || !std::isfinite(scale_))
    fail("init_scale = {}: a number over 0 is needed", settings.init_scale);
  if (!(settings.growth_factor > 1))
    fail("growth_factor = {}: a number over 1 is needed", settings.growth_factor);
  if (!(settings.backoff_factor > 0 && settings.backoff_factor < 1))
    fail("backoff_factor = {}: a number between 0 and 1 is needed", settings.backoff_factor);
  if (settings.growth_interval < 1)
    fail("growth_interval = {}: a whole number from 1 is needed", settings.growth_interval);
  if (settings.loss_scale_window < 0)
    fail("loss_scale_window = {}: a whole number from 1 is needed", settings.loss_scale_window);
  if (settings.hysteresis < 1)
    fail("hysteresis = {}: a whole number from 1 is needed", settings.hysteresis);
  if (!(settings.min_loss_scale > 0))
    fail("min_loss_scale = {}: a number over 0 is needed", settings.min_loss_scale);
}

int64_t GradScaler::interval() const {
  return settings_.loss_scale_window > 0 ? settings_.loss_scale_window : settings_.growth_interval;
}

bool GradScaler::update(bool overflowed) {
  if (stays()) return true;
  if (overflowed) {
    if (overflows_left_ == 0 && scale_ <= settings_.min_loss_scale) return false;
    good_steps_ = first_count();
    if (overflows_left_ > 0) --overflows_left_;
    else
      scale_ =
          static_cast<float>(std::max(scale_ * settings_.backoff_factor, settings_.min_loss_scale));
    return true;
  }
  const bool grows = ++good_steps_ == interval();
  if (grows || settings_.consecutive_hysteresis) overflows_left_ = settings_.hysteresis - 1;
  if (!grows) return true;
  good_steps_ = 0;
  const auto grown = static_cast<float>(scale_ * settings_.growth_factor);
  if (std::isfinite(grown)) scale_ = grown;
  return true;
}

TorchValue GradScaler::torch_state() const {
  return TorchValue::dict({{"scale", static_cast<double>(scale_)},
                           {"growth_factor", settings_.growth_factor},
                           {"backoff_factor", settings_.backoff_factor},
                           {"growth_interval", interval()},
                           {"_growth_tracker", good_steps_}});
}

std::vector<std::string> GradScaler::restore_torch(const TorchValue& state,
                                                   const std::string& origin) {
  const double scale = number_in(state, "scale", origin),
               steps = number_in(state, "_growth_tracker", origin);
  if (!(scale > 0) || !std::isfinite(scale) || !(steps >= -1))
    fail("{}: is not the state of a gradient scaler: its scale is {}, its _growth_tracker {}",
         origin, scale, steps);
  std::vector<std::string> differences;
  if (stays()) {
    if (scale != scale_)
      differences.push_back(
          fmt::format("{}: has a scale of {}, here it stays at {}; the run file's is used", origin,
                      scale, scale_));
    return differences;
  }
  for (const auto& [name, ours] : {std::pair("growth_factor", settings_.growth_factor),
                                   std::pair("backoff_factor", settings_.backoff_factor),
                                   std::pair("growth_interval", static_cast<double>(interval()))})
    if (const double theirs = number_in(state, name, origin); theirs != ours)
      differences.push_back(fmt::format("{}: has {} = {}, here it is {}; the run file's is used",
                                        origin, name, theirs, ours));
  scale_ = static_cast<float>(scale);
  // an interval that has become shorter is over with the next step
  good_steps_ = std::clamp(static_cast<int64_t>(steps), first_count(), interval() - 1);
  return differences;
}

void GradScaler::restore_overflows_left(int64_t count) {
  overflows_left_ = std::clamp<int64_t>(count, 0, settings_.hysteresis - 1);
}

}  // namespace slipway
