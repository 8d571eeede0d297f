// Warm-up by logarithm or line, then constant, a line or half a cosine.
#include "optim/deepspeed_schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace slipway {
namespace {

// How far the warm-up is after `i` updates more than the first.
double warmth(const std::string& type, double i, double w) {
  return type == "log" ? std::log(i + 1) / std::log(w) : i / w;
}

double whole_warmup(double w) { return std::max(2.0, w); }

struct WarmUp {
  std::string type;
  double total;  // updates; 0 = the run's
};

WarmUp warm_up_of(ScheduleOptions& options) {
  const WarmUp out{options.choice("warmup_type", {"log", "linear"}),
                   options.number("total_num_steps", 0)};
  return out;
}

Factor warmup_cosine(ScheduleOptions& options) {
  const WarmUp up = warm_up_of(options);
  const double first = options.number("warmup_min_ratio", 0),
               last = options.number("cos_min_ratio", 1e-4);
  return [=](double s, double warmup, double t) {
    const double w = whole_warmup(warmup), i = s - 1, total = up.total > 0 ? up.total : t;
    if (i < 0) return 0.0;
    if (i < w) return first + (1 - first) * warmth(up.type, i, w);
    const double turned =
        (1 + std::cos(std::numbers::pi * (i - w + 1) / std::max(1.0, total - w))) / 2;
    return std::max(0.0, last + (1 - last) * turned);
  };
}

// The lowest rate as a share of the peak.
double lowest(const ScheduleSettings& settings, ScheduleOptions& options) {
  const double rate = options.number("warmup_min_lr", 0);
  return settings.learning_rate > 0 ? rate / settings.learning_rate : 0;
}

Factor warmup_line(const ScheduleSettings& settings, ScheduleOptions& options) {
  const bool decays = settings.name == "WarmupDecayLR";
  const double least = lowest(settings, options);
  const WarmUp up =
      decays ? warm_up_of(options) : WarmUp{options.choice("warmup_type", {"log", "linear"}), 0};
  return [=](double s, double warmup, double t) {
    const double w = whole_warmup(warmup), i = s - 1, total = up.total > 0 ? up.total : t;
    if (i < 0) return least;
    double share = 1;
    if (i < w) share = warmth(up.type, i, w);
    else if (decays) share = std::max(0.0, (total - i) / std::max(1.0, total - w));
    return least + (1 - least) * share;
  };
}

}  // namespace

bool is_of_deepspeed(std::string_view schedule) {
  return schedule == "WarmupLR" || schedule == "WarmupDecayLR" || schedule == "WarmupCosineLR";
}

Factor deepspeed_factor(const ScheduleSettings& settings, ScheduleOptions& options) {
  return settings.name == "WarmupCosineLR" ? warmup_cosine(options)
                                           : warmup_line(settings, options);
}

}  // namespace slipway
