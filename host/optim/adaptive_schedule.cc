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

  const char* mode() const { return least ? "min" : "max"; }
  const char* threshold_mode() const { return relative ? "rel" : "abs"; }
  double worst() const { return (least ? 1 : -1) * std::numeric_limits<double>::infinity(); }
  bool better(double metric, double best) const {
    const double margin = least ? -threshold : threshold,
                 bound = relative ? best * (1.0 + margin) : best + margin;
    return least ? metric < bound : metric > bound;
  }
};

Comparison comparison_of(ScheduleOptions& options, double threshold,
                         const std::vector<std::string>& modes) {
  const bool least = options.choice("mode", {"min", "max"}) == "min",
             relative = options.choice("threshold_mode", modes) == "rel";
  return {least, relative, options.number("threshold", threshold)};
}

double factor_of(ScheduleOptions& options, double fallback) {
  const double factor = options.number("factor", fallback);
  if (!(factor > 0 && factor < 1))
    fail("lr_scheduler_kwargs.factor is {}, it must lie between 0 and 1", factor);
  return factor;
}

TorchValue whole(double value) {
  return value == std::floor(value) ? TorchValue(static_cast<int64_t>(value)) : TorchValue(value);
}
TorchValue each(size_t groups, double value) {
  return TorchValue::list(std::vector<TorchValue>(groups, value));
}

// Infinity is no JSON number; null stands for "nothing yet".
Json finite(double value) { return std::isfinite(value) ? Json(value) : Json(); }
double finite_or(const Json& value, double fallback) {
  return value.is_number() ? value.get<double>() : fallback;
}

class PlateauSchedule : public Schedule {
 public:
  PlateauSchedule(double learning_rate, ScheduleOptions& options)
      : comparison_(comparison_of(options, 1e-4, {"rel", "abs"})),
        factor_(factor_of(options, 0.1)),
        patience_(options.number("patience", 10)),
        cooldown_(options.number("cooldown", 0)),
        least_(options.number("min_lr", 0)),
        smallest_change_(options.number("eps", 1e-8)),
        rate_(learning_rate),
        best_(comparison_.worst()) {}

  double at(int64_t) const override { return rate_; }
  bool adaptive() const override { return true; }

  void evaluated(double metric) override {
    ++evaluations_;
    if (comparison_.better(metric, best_)) best_ = metric, bad_ = 0;
    else ++bad_;
    if (cooling_ > 0) --cooling_, bad_ = 0;
    if (bad_ <= patience_) return;
    if (const double less = std::max(rate_ * factor_, least_); rate_ - less > smallest_change_)
      rate_ = less;
    cooling_ = cooldown_;
    bad_ = 0;
  }

  Json state() const override {
    return {{"rate", rate_},
            {"best", finite(best_)},
            {"bad", bad_},
            {"cooling", cooling_},
            {"evaluations", evaluations_}};
  }
  void restore(const Json& state) override {
    rate_ = state.at("rate"), bad_ = state.at("bad"), cooling_ = state.at("cooling"),
    evaluations_ = state.value("evaluations", int64_t{0});
    best_ = finite_or(state.at("best"), comparison_.worst());
  }

  TorchValue torch_state(int64_t, size_t groups) const override {
    return TorchValue::dict({{"factor", factor_},
                             {"default_min_lr", least_},
                             {"min_lrs", each(groups, least_)},
                             {"patience", whole(patience_)},
                             {"cooldown", whole(cooldown_)},
                             {"eps", smallest_change_},
                             {"last_epoch", evaluations_},
                             {"_last_lr", each(groups, rate_)},
                             {"mode_worse", comparison_.worst()},
                             {"mode", comparison_.mode()},
                             {"threshold", comparison_.threshold},
                             {"threshold_mode", comparison_.threshold_mode()},
                             {"best", best_},
                             {"cooldown_counter", whole(cooling_)},
                             {"num_bad_epochs", whole(bad_)}});
  }
  void restore_torch(const TorchValue& state, const std::string& origin) override {
    rate_ = number_in(state, "_last_lr", origin), best_ = number_in(state, "best", origin),
    bad_ = number_in(state, "num_bad_epochs", origin);
    cooling_ = number_in(state, "cooldown_counter", origin),
    evaluations_ = static_cast<int64_t>(number_in(state, "last_epoch", origin));
  }

 private:
  const Comparison comparison_;
  const double factor_, patience_, cooldown_, least_, smallest_change_;
  double rate_, best_, bad_ = 0, cooling_ = 0;
  int64_t evaluations_ = 0;
};

class GreedySchedule : public Schedule {
 public:
  GreedySchedule(double learning_rate, ScheduleOptions& options)
      : comparison_(comparison_of(options, 1e-6, {"abs", "rel"})),
        factor_(factor_of(options, 0.95)),
        patience_(options.number("patience", 10)),
        cooldown_(options.number("cooldown", 0)),
        warmup_(options.number("warmup", 0)),
        least_(options.number("min_lr", 1e-3)),
        most_(options.number("max_lr", 1.0)),
        smallest_change_(options.number("eps", 1e-8)),
        first_rate_(learning_rate),
        window_size_(static_cast<int64_t>(options.number("window_size", 50))),
        window_(options.flag("smooth", false) ? static_cast<size_t>(window_size_) : 0),
        resets_after_(options.number("reset_start", 500)),
        rate_(learning_rate),
        best_(comparison_.worst()),
        until_reset_(resets_after_) {
    (void)options.flag("verbose", false);
  }

  double at(int64_t) const override { return rate_; }
  bool adaptive() const override { return true; }

  void evaluated(double metric) override {
    ++evaluations_;
    metric = smoothed(metric);
    if (cooling_ > 0 || warming_ > 0) {
      --(cooling_ > 0 ? cooling_ : warming_);
      good_ = bad_ = 0;
      return;
    }
    if (comparison_.better(metric, best_)) best_ = metric, bad_ = 0, ++good_;
    else ++bad_, good_ = 0;
    if (good_ > patience_) {
      if (const double more = std::min(rate_ / factor_, most_); more - rate_ > smallest_change_)
        rate_ = more;
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
    return {{"rate", rate_},
            {"best", finite(best_)},
            {"bad", bad_},
            {"good", good_},
            {"cooling", cooling_},
            {"warming", warming_},
            {"until_reset", until_reset_},
            {"recent", recent_},
            {"recent_sum", recent_sum_},
            {"evaluations", evaluations_}};
  }
  void restore(const Json& state) override {
    rate_ = state.at("rate"), bad_ = state.at("bad"), good_ = state.at("good"),
    cooling_ = state.at("cooling"), warming_ = state.at("warming"),
    until_reset_ = state.at("until_reset");
    best_ = finite_or(state.at("best"), comparison_.worst());
    recent_ = state.at("recent").get<std::deque<double>>();
    recent_sum_ = state.at("recent_sum");
    evaluations_ = state.value("evaluations", int64_t{0});
  }

  TorchValue torch_state(int64_t, size_t groups) const override {
    TorchValue out = TorchValue::dict({{"factor", factor_},
                                       {"min_lrs", each(groups, least_)},
                                       {"max_lrs", each(groups, most_)},
                                       {"patience", whole(patience_)},
                                       {"verbose", false},
                                       {"cooldown", whole(cooldown_)},
                                       {"warmup", whole(warmup_)},
                                       {"cooldown_counter", whole(cooling_)},
                                       {"warmup_counter", whole(warming_)},
                                       {"mode", comparison_.mode()},
                                       {"threshold", comparison_.threshold},
                                       {"threshold_mode", comparison_.threshold_mode()},
                                       {"best", best_},
                                       {"num_bad_epochs", whole(bad_)},
                                       {"num_good_epochs", whole(good_)},
                                       {"eps", smallest_change_},
                                       {"last_epoch", evaluations_},
                                       {"smooth", window_ > 0},
                                       {"window_size", window_size_},
                                       {"reset_start", whole(until_reset_)},
                                       {"reset_start_original", whole(resets_after_)},
                                       {"_last_lr", each(groups, rate_)},
                                       {"_init_lrs", each(groups, first_rate_)}});
    if (window_ == 0) return out;
    out["_streaming_avg"] =
        TorchValue::dict({{"window_size", window_size_},
                          {"values", TorchValue::list({recent_.begin(), recent_.end()})},
                          {"sum", recent_sum_}});
    return out;
  }
  void restore_torch(const TorchValue& state, const std::string& origin) override {
    rate_ = number_in(state, "_last_lr", origin), best_ = number_in(state, "best", origin),
    bad_ = number_in(state, "num_bad_epochs", origin),
    good_ = number_in(state, "num_good_epochs", origin);
    cooling_ = number_in(state, "cooldown_counter", origin),
    warming_ = number_in(state, "warmup_counter", origin),
    until_reset_ = number_in(state, "reset_start", origin);
    evaluations_ = static_cast<int64_t>(number_in(state, "last_epoch", origin));
    const TorchValue *average = state.find("_streaming_avg"),
                     *values = average == nullptr ? nullptr : average->find("values");
    if (window_ == 0 || values == nullptr) return;
    recent_sum_ = number_in(*average, "sum", origin);
    recent_.clear();
    for (const TorchValue& value : values->items)
      recent_.push_back(value.kind == TorchValue::Kind::kReal ? value.real
                                                              : static_cast<double>(value.integer));
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
    if (const double less = std::max(rate_ * factor_, least_); rate_ - less > smallest_change_)
      rate_ = less;
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
  const int64_t window_size_;
  const size_t window_;  // 0 = nothing is smoothed
  const double resets_after_;
  double rate_, best_, bad_ = 0, good_ = 0, cooling_ = 0, warming_ = 0, until_reset_;
  std::deque<double> recent_;
  double recent_sum_ = 0;
  int64_t evaluations_ = 0;
};

}  // namespace

std::unique_ptr<Schedule> make_plateau_schedule(double learning_rate, ScheduleOptions& options) {
  return std::make_unique<PlateauSchedule>(learning_rate, options);
}
std::unique_ptr<Schedule> make_greedy_schedule(double learning_rate, ScheduleOptions& options) {
  return std::make_unique<GreedySchedule>(learning_rate, options);
}

}  // namespace slipway
