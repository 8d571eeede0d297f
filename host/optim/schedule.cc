// The schedules that follow from the step alone.
#include "optim/schedule.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "optim/adaptive_schedule.h"
#include "optim/deepspeed_schedule.h"
#include "optim/schedule_factor.h"
#include "optim/schedule_options.h"

namespace slipway {
namespace {

constexpr double kAbsent = std::numeric_limits<double>::quiet_NaN();

class FormulaSchedule : public Schedule {
 public:
  FormulaSchedule(const ScheduleSettings& settings, Factor factor)
      : peak_(settings.learning_rate),
        warmup_(settings.warmup_steps),
        steps_(static_cast<double>(settings.steps)),
        constant_(settings.name == "constant"),
        factor_(std::move(factor)) {}
  double at(int64_t step) const override {
    return peak_ * factor_(static_cast<double>(step), warmup_, steps_);
  }

  TorchValue torch_state(int64_t step, size_t groups) const override {
    const auto each = [&](const TorchValue& value) {
      return TorchValue::list(std::vector<TorchValue>(groups, value));
    };
    // The peer's formulas are objects without state, but for a function.
    return TorchValue::dict({{"base_lrs", each(peak_)},
                             {"last_epoch", step},
                             {"_step_count", step + 1},
                             {"_is_initial", false},
                             {"_get_lr_called_within_step", false},
                             {"_last_lr", each(at(step))},
                             {"lr_lambdas", each(constant_ ? TorchValue() : TorchValue::dict())}});
  }

 private:
  double peak_, warmup_, steps_;
  bool constant_;
  Factor factor_;
};

// From 0 to 1 over the warm-up, then what `after` gives.
Factor warmed_up(Factor after) {
  return [after = std::move(after)](double s, double w, double t) {
    return s < w ? s / std::max(1.0, w) : after(s, w, t);
  };
}

double progress(double s, double w, double t) { return (s - w) / std::max(1.0, t - w); }
double half_cosine(double turns) { return 0.5 * (1.0 + std::cos(std::numbers::pi * turns)); }
double scaled_to(double factor, double least) {
  return std::max(0.0, factor * (1 - least) + least);
}

// min_lr or min_lr_rate, as a share of the peak.
double least_rate(const ScheduleSettings& settings, ScheduleOptions& options) {
  const double rate = options.number("min_lr", kAbsent),
               share = options.number("min_lr_rate", kAbsent);
  if (std::isnan(rate) == std::isnan(share))
    fail("the schedule \"{}\" needs one of min_lr and min_lr_rate in lr_scheduler_kwargs",
         settings.name);
  return std::isnan(rate) ? share : rate / settings.learning_rate;
}

Factor polynomial(const ScheduleSettings& settings, ScheduleOptions& options) {
  const double peak = settings.learning_rate, end = options.number("lr_end", 1e-7),
               power = options.number("power", 1.0);
  if (peak <= end)
    fail("the schedule \"polynomial\" ends at lr_end = {}, which must be below learning_rate = {}",
         end, peak);
  return warmed_up([=](double s, double w, double t) {
    if (s > t) return end / peak;
    const double left = 1 - (s - w) / (t - w);
    return ((peak - end) * std::pow(left, power) + end) / peak;
  });
}

Factor inverse_sqrt(const ScheduleSettings& settings, ScheduleOptions& options) {
  const double timescale =
      options.number("timescale", settings.warmup_steps > 0 ? settings.warmup_steps : 10'000);
  if (timescale <= 0) fail("the schedule \"inverse_sqrt\" needs a timescale over 0");
  return warmed_up([=](double s, double w, double) {
    return 1.0 / std::sqrt((s + (timescale - w)) / timescale);
  });
}

Factor cosine_warmup_with_min_lr(const ScheduleSettings& settings, ScheduleOptions& options) {
  const double cycles = options.number("num_cycles", 0.5), least = least_rate(settings, options),
               first = options.number("warmup_lr_rate", kAbsent);
  return [=](double s, double w, double t) {
    if (s < w)
      return std::isnan(first) ? (s + 1) / std::max(1.0, w)
                               : first + (1 - first) * s / std::max(1.0, w - 1);
    return scaled_to(half_cosine(cycles * 2.0 * ((s - w + 1) / std::max(1.0, t - w))), least);
  };
}

// How far the warm-up or the decay has come, `done` of 1: 0 to 1 by the named curve.
double risen(const std::string& curve, double done) {
  if (curve == "cosine") return 0.5 * (1.0 - std::cos(std::numbers::pi * done));
  return curve == "linear" ? done : 1.0 - std::sqrt(1.0 - done);
}
double left(const std::string& curve, double done, double cycles) {
  if (curve == "cosine") return half_cosine(cycles * 2.0 * done);
  return curve == "linear" ? 1.0 - done : 1.0 - std::sqrt(done);
}

Factor warmup_stable_decay(const ScheduleSettings& settings, ScheduleOptions& options) {
  const double decay = options.number("num_decay_steps", kAbsent),
               least = options.number("min_lr_ratio", 0),
               cycles = options.number("num_cycles", 0.5);
  if (std::isnan(decay))
    fail("the schedule \"warmup_stable_decay\" needs num_decay_steps in lr_scheduler_kwargs");
  const double stable = options.number(
      "num_stable_steps", static_cast<double>(settings.steps) - settings.warmup_steps - decay);
  const std::vector<std::string> curves = {"linear", "cosine", "1-sqrt"};
  const std::string up = options.choice("warmup_type", curves),
                    down = options.choice("decay_type", {"cosine", "linear", "1-sqrt"});
  return [=](double s, double w, double) {
    if (s < w) return scaled_to(risen(up, s / std::max(1.0, w)), least);
    if (s < w + stable) return 1.0;
    return s < w + stable + decay
               ? scaled_to(left(down, (s - w - stable) / std::max(1.0, decay), cycles), least)
               : least;
  };
}

Factor formula(const ScheduleSettings& settings, ScheduleOptions& options) {
  const std::string& name = settings.name;
  if (name == "linear")
    return warmed_up(
        [](double s, double w, double t) { return std::max(0.0, (t - s) / std::max(1.0, t - w)); });
  if (name == "constant_with_warmup") return warmed_up([](double, double, double) { return 1.0; });
  if (name == "polynomial") return polynomial(settings, options);
  if (name == "inverse_sqrt") return inverse_sqrt(settings, options);
  if (name == "cosine_warmup_with_min_lr") return cosine_warmup_with_min_lr(settings, options);
  if (name == "warmup_stable_decay") return warmup_stable_decay(settings, options);
  if (is_of_deepspeed(name)) return deepspeed_factor(settings, options);
  if (name == "cosine_with_restarts")
    return warmed_up([cycles = options.number("num_cycles", 1)](double s, double w, double t) {
      const double done = progress(s, w, t);
      return done >= 1 ? 0.0 : std::max(0.0, half_cosine(std::fmod(cycles * done, 1.0)));
    });
  const double cycles = options.number("num_cycles", 0.5),
               least = name == "cosine" ? 0 : least_rate(settings, options);
  return warmed_up([=](double s, double w, double t) {
    return scaled_to(half_cosine(cycles * 2.0 * progress(s, w, t)), least);
  });
}

}  // namespace

const std::vector<std::string>& schedule_names() {
  static const std::vector<std::string> names = {"linear",
                                                 "cosine",
                                                 "cosine_with_restarts",
                                                 "polynomial",
                                                 "constant",
                                                 "constant_with_warmup",
                                                 "inverse_sqrt",
                                                 "reduce_lr_on_plateau",
                                                 "cosine_with_min_lr",
                                                 "cosine_warmup_with_min_lr",
                                                 "warmup_stable_decay",
                                                 "greedy",
                                                 "WarmupLR",
                                                 "WarmupDecayLR",
                                                 "WarmupCosineLR",
                                                 "OneCycle",
                                                 "LRRangeTest"};
  return names;
}

bool goes_by_evaluations(std::string_view name) {
  return name == "reduce_lr_on_plateau" || name == "greedy";
}

std::unique_ptr<Schedule> make_schedule(const ScheduleSettings& settings) {
  if (std::ranges::find(schedule_names(), settings.name) == schedule_names().end())
    fail("there is no learning-rate schedule \"{}\"{}", settings.name,
         did_you_mean(settings.name, schedule_names()));
  ScheduleOptions options(settings.name, settings.options);
  std::unique_ptr<Schedule> out;
  if (settings.name == "reduce_lr_on_plateau")
    out = make_plateau_schedule(settings.learning_rate, options);
  else if (settings.name == "greedy") out = make_greedy_schedule(settings.learning_rate, options);
  else if (settings.name == "constant")
    out = std::make_unique<FormulaSchedule>(settings, [](double, double, double) { return 1.0; });
  else out = std::make_unique<FormulaSchedule>(settings, formula(settings, options));
  options.done();
  return out;
}

}  // namespace slipway
