// Schedules that go by the metric of each evaluation.
#include "optim/adaptive_schedule.h"

#include <algorithm>
#include <cmath>
#include <deque>
#include <limits>
#include <numeric>

namespace slipway {
namespace {

// What counts as better.
struct Comparison {
  bool least, relative;
  double threshold;

  double worst() const { return (least ? 1 : -1) * std::numeric_limits<double>::infinity(); }
  bool better(double metric, double best) const {
    const double margin = least ? -threshold : threshold, bound = relative ? best * (1.0 + margin) : best + margin;
    return least ? metric < bound : metric > bound;
  }
};

Comparison comparison_of(ScheduleOptions& options, double threshold, const std::vector<std::string>& modes) {
  const bool least = options.choice("mode", {"min", "max"}) == "min", relative = options.choice("threshold_mode", modes) == "rel";
  return {least, relative, options.number("threshold", threshold)};
}

double factor_of(ScheduleOptions& options, double fallback) {
  const double factor = options.number("factor", fallback);
  if (!(factor > 0 && factor < 1)) fail("lr_scheduler_kwargs.factor is {}, it must lie between 0 and 1", factor);
  return factor;
}

// Infinity is no JSON number; null stands for "nothing yet".
Json finite(double value) { return std::isfinite(value) ? Json(value) : Json(); }
double finite_or(const Json& value, double fallback) { return value.is_number() ? value.get<double>() : fallback; }

class PlateauSchedule : public Schedule {
 public:
  PlateauSchedule(double learning_rate, ScheduleOptions& options)
      : comparison_(comparison_of(options, 1e-4, {"rel", "abs"})), factor_(factor_of(options, 0.1)), patience_(options.number("patience", 10)),
        cooldown_(options.number("cooldown", 0)), least_(options.number("min_lr", 0)), smallest_change_(options.number("eps", 1e-8)), rate_(learning_rate),
        best_(comparison_.worst()) {}

  double at(int64_t) const override { return rate_; }
  bool adaptive() const override { return true; }

  void evaluated(double metric) override {
    if (comparison_.better(metric, best_)) best_ = metric, bad_ = 0;
    else ++bad_;
    if (cooling_ > 0) --cooling_, bad_ = 0;
    if (bad_ <= patience_) return;
    if (const double less = std::max(rate_ * factor_, least_); rate_ - less > smallest_change_) rate_ = less;
    cooling_ = cooldown_;
    bad_ = 0;
  }

  Json state() const override { return {{"rate", rate_}, {"best", finite(best_)}, {"bad", bad_}, {"cooling", cooling_}}; }
  void restore(const Json& state) override {
    rate_ = state.at("rate"), bad_ = state.at("bad"), cooling_ = state.at("cooling");
    best_ = finite_or(state.at("best"), comparison_.worst());
  }

 private:
  const Comparison comparison_;
  const double factor_, patience_, cooldown_, least_, smallest_change_;
  double rate_, best_, bad_ = 0, cooling_ = 0;
};

class GreedySchedule : public Schedule {
 public:
  GreedySchedule(double learning_rate, ScheduleOptions& options)
      : comparison_(comparison_of(options, 1e-6, {"abs", "rel"})), factor_(factor_of(options, 0.95)), patience_(options.number("patience", 10)),
        cooldown_(options.number("cooldown", 0)), warmup_(options.number("warmup", 0)), least_(options.number("min_lr", 1e-3)),
        most_(options.number("max_lr", 1.0)), smallest_change_(options.number("eps", 1e-8)), first_rate_(learning_rate),
        window_(options.flag("smooth", false) ? static_cast<size_t>(options.number("window_size", 50)) : 0), resets_after_(options.number("reset_start", 500)),
        rate_(learning_rate), best_(comparison_.worst()), until_reset_(resets_after_) {
    (void)options.number("window_size", 50);  // also taken, and without use, where nothing is smoothed
    (void)options.flag("verbose", false);
  }

  double at(int64_t) const override { return rate_; }
  bool adaptive() const override { return true; }

  void evaluated(double metric) override {
    metric = smoothed(metric);
    if (cooling_ > 0 || warming_ > 0) {
      --(cooling_ > 0 ? cooling_ : warming_);
      good_ = bad_ = 0;
      return;
    }
    if (comparison_.better(metric, best_)) best_ = metric, bad_ = 0, ++good_;
    else ++bad_, good_ = 0;
    if (good_ > patience_) {
      if (const double more = std::min(rate_ / factor_, most_); more - rate_ > smallest_change_) rate_ = more;
      until_reset_ = resets_after_;
      warming_ = warmup_;
      good_ = 0;
    } else if (bad_ > patience_) {
      lower();
      cooling_ = cooldown_;
      bad_ = 0;
    }
  }

  Json state() const override {
    return {{"rate", rate_}, {"best", finite(best_)}, {"bad", bad_}, {"good", good_}, {"cooling", cooling_}, {"warming", warming_}, {"until_reset", until_reset_}, {"recent", recent_}, {"recent_sum", recent_sum_}};
  }
  void restore(const Json& state) override {
    rate_ = state.at("rate"), bad_ = state.at("bad"), good_ = state.at("good"), cooling_ = state.at("cooling"), warming_ = state.at("warming"), until_reset_ = state.at("until_reset");
    best_ = finite_or(state.at("best"), comparison_.worst());
    recent_ = state.at("recent").get<std::deque<double>>();
    recent_sum_ = state.at("recent_sum");
  }

 private:
  // The mean of the last metrics; a running sum, as the peer keeps it, to the same rounding.
  double smoothed(double metric) {
    if (window_ == 0) return metric;
    recent_.push_back(metric);
    recent_sum_ += metric;
    if (recent_.size() > window_) {
      recent_sum_ -= recent_.front();
      recent_.pop_front();
    }
    return recent_sum_ / static_cast<double>(recent_.size());
  }

  void lower() {
    if (const double less = std::max(rate_ * factor_, least_); rate_ - less > smallest_change_) rate_ = less;
    if (rate_ > least_ || --until_reset_ > 0) return;
    // Long enough at the least: all over again.
    rate_ = first_rate_;
    best_ = comparison_.worst();
    bad_ = good_ = cooling_ = warming_ = recent_sum_ = 0;
    recent_.clear();
    until_reset_ = resets_after_;
  }

  const Comparison comparison_;
  const double factor_, patience_, cooldown_, warmup_, least_, most_, smallest_change_, first_rate_;
  const size_t window_;
  const double resets_after_;
  double rate_, best_, bad_ = 0, good_ = 0, cooling_ = 0, warming_ = 0, until_reset_;
  std::deque<double> recent_;
  double recent_sum_ = 0;
};

}  // namespace

std::unique_ptr<Schedule> make_plateau_schedule(double learning_rate, ScheduleOptions& options) { return std::make_unique<PlateauSchedule>(learning_rate, options); }
std::unique_ptr<Schedule> make_greedy_schedule(double learning_rate, ScheduleOptions& options) { return std::make_unique<GreedySchedule>(learning_rate, options); }

}  // namespace slipway
