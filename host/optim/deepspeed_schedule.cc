// Warm-up by logarithm or line, then constant, a line or half a cosine; a cycle; a line that grows.
#include "optim/deepspeed_schedule.h"

#include <algorithm>
#include <cmath>
#include <limits>
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

// A number over 0, or from 0 where `least` is 0.
double size_of(ScheduleOptions& options, const char* name, double fallback, double least) {
  const double size = options.number(name, fallback);
  if (!(size >= least))
    fail("lr_scheduler_kwargs.{} is {}, at least {} is needed", name, size, least);
  return size;
}

// Up and down once, then down by 1 / (1 + rate * intervals).
Factor one_cycle(const ScheduleSettings& settings, ScheduleOptions& options) {
  const double bottom = options.number("cycle_min_lr", std::numeric_limits<double>::quiet_NaN());
  if (std::isnan(bottom))
    fail("the schedule \"OneCycle\" needs cycle_min_lr in lr_scheduler_kwargs");
  const double least = settings.learning_rate > 0 ? bottom / settings.learning_rate : 0,
               up = size_of(options, "cycle_first_step_size", 2000, 1),
               down = size_of(options, "cycle_second_step_size", up, 0),
               interval = size_of(options, "decay_step_size", 0, 0),
               rate = options.number("decay_lr_rate", 0);
  return [=](double s, double, double) {
    if (s >= up + down)
      return interval > 0 ? least / (1 + rate * (s - up - down) / interval) : least;
    return least + (1 - least) * (s <= up ? s / up : (up + down - s) / down);
  };
}

Factor range_test(ScheduleOptions& options) {
  const double size = size_of(options, "lr_range_test_step_size", 2000, 1),
               rate = options.number("lr_range_test_step_rate", 1);
  const bool staircase = options.flag("lr_range_test_staircase", false);
  return [=](double s, double, double) {
    return 1 + rate * (staircase ? std::floor(s / size) : s / size);
  };
}

}  // namespace

bool is_of_deepspeed(std::string_view schedule) {
  constexpr std::string_view kNames[] = {"WarmupLR", "WarmupDecayLR", "WarmupCosineLR", "OneCycle",
                                         "LRRangeTest"};
  return std::ranges::find(kNames, schedule) != std::end(kNames);
}

Factor deepspeed_factor(const ScheduleSettings& settings, ScheduleOptions& options) {
  if (settings.name == "WarmupCosineLR") return warmup_cosine(options);
  if (settings.name != "OneCycle" && settings.name != "LRRangeTest")
    return warmup_line(settings, options);
  if (settings.warmup_steps > 0)
    fail("the schedule \"{}\" has no warm-up; remove train.warmup_steps", settings.name);
  return settings.name == "OneCycle" ? one_cycle(settings, options) : range_test(options);
}

}  // namespace slipway
