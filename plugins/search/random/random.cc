// Search: independent random draws. What a trial draws depends on the seed, the trial's number and
// the place of the domain alone, so a search that is resumed or repeated asks for the same values.
#include <algorithm>
#include <cmath>
#include <map>

#include "slipway/plugin.hpp"

namespace {

// SplitMix64 (Steele, Lea and Flood 2014), as a hash of the place.
double uniform(uint64_t seed, uint64_t trial, uint64_t domain) {
  uint64_t x = seed ^ (trial * 0x9E3779B97F4A7C15 + domain * 0xD1B54A32D192ED03);
  for (int round = 0; round < 2; ++round) {
    x += 0x9E3779B97F4A7C15;
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
    x ^= x >> 31;
  }
  return static_cast<double>(x >> 11) * 0x1.0p-53;
}

struct Random : slipway::Search<Random> {
  static constexpr auto id = "org.slipway.search.random", name = "Random search", version = "1.0.0",
                        license = "Apache-2.0",
                        help =
                            "Draws every trial's values independently: uniform, logarithmic, "
                            "stepped, or among choices.";
  static constexpr const slw_option* options[] = {nullptr};

  explicit Random(slipway::Config) {}

  void begin(const slw_study& study) {
    for (uint32_t i = 0; i < study.domain_count; ++i) check(*study.domains[i]);
    seed_ = study.seed;
    domains_.assign(study.domains, study.domains + study.domain_count);
    directions_.assign(study.directions, study.directions + study.objective_count);
    waiting_.clear();
    results_.clear();
  }

  const slw_value* ask(int64_t trial) {
    if (const auto given = waiting_.find(trial); given != waiting_.end()) {
      values_ = given->second;
      return values_.data();
    }
    values_.resize(domains_.size());
    for (size_t i = 0; i < domains_.size(); ++i)
      values_[i] = draw(*domains_[i], uniform(seed_, static_cast<uint64_t>(trial), i));
    return values_.data();
  }

  // The trial's values, instead of drawn ones. They stay with the trial: asked for again, it gets
  // the same.
  void enqueue(int64_t trial, const slw_value* values) {
    std::vector<slw_value> kept;
    for (size_t i = 0; i < domains_.size(); ++i) kept.push_back(accepted(*domains_[i], values[i]));
    waiting_[trial] = std::move(kept);
  }

  void tell(int64_t trial, slw_trial_state state, const double* objectives) {
    if (state == SLW_TRIAL_COMPLETE)
      results_[trial].assign(objectives, objectives + directions_.size());
  }

  // Trials that no other is better than in every objective. Without a single number a trial is none
  // of them.
  std::vector<int64_t> best() const {
    std::vector<int64_t> out;
    for (const auto& [trial, mine] : results_) {
      const bool nothing =
          std::all_of(mine.begin(), mine.end(), [](double value) { return std::isnan(value); });
      const bool beaten = std::any_of(results_.begin(), results_.end(), [&](const auto& other) {
        return dominates(other.second, mine);
      });
      if (!nothing && !beaten) out.push_back(trial);
    }
    return out;
  }

 private:
  // NaN is worse than every number.
  bool dominates(const std::vector<double>& a, const std::vector<double>& b) const {
    bool better = false;
    for (size_t k = 0; k < directions_.size(); ++k) {
      const bool a_is = !std::isnan(a[k]), b_is = !std::isnan(b[k]);
      const bool over = a_is && (!b_is || (directions_[k] > 0 ? a[k] > b[k] : a[k] < b[k]));
      const bool under = b_is && (!a_is || (directions_[k] > 0 ? a[k] < b[k] : a[k] > b[k]));
      if (under) return false;
      better = better || over;
    }
    return better;
  }

  [[noreturn]] static void refuse(const slw_domain& d, const std::string& text) {
    throw slipway::Error(SLW_INVALID_ARGUMENT, std::string("domain ") + d.name + text);
  }

  static void check(const slw_domain& d) {
    if (d.type != SLW_DOMAIN_CHOICE && d.type != SLW_DOMAIN_INT && d.type != SLW_DOMAIN_FLOAT)
      refuse(d, ": unknown type " + std::to_string(d.type));
    if (d.type == SLW_DOMAIN_CHOICE) {
      if (d.choice_count == 0) refuse(d, " has no choices");
      return;
    }
    if (!std::isfinite(d.low) || !std::isfinite(d.high) || !std::isfinite(d.high - d.low))
      refuse(d, ": low and high must be finite, and so must their difference");
    if (d.low > d.high) refuse(d, ": low must not be over high");
    if (!std::isfinite(d.step) || d.step < 0) refuse(d, ": a step must be positive, or 0 for none");
    if (d.log_scale != 0 && d.low <= 0) refuse(d, ": a logarithmic scale needs low > 0");
    if (d.type != SLW_DOMAIN_INT) return;
    for (const double value : {d.low, d.high, d.step})
      if (value != std::floor(value) || std::abs(value) > 0x1p53)
        refuse(d, ": low, high and step must be whole numbers up to 2^53");
  }

  // The domain's own copy of a value that was given. What `value` points to is borrowed.
  static slw_value accepted(const slw_domain& d, const slw_value& value) {
    if (d.type == SLW_DOMAIN_CHOICE) {
      const slw_value *end = d.choices + d.choice_count,
                      *found = std::find_if(d.choices, end, [&](const slw_value& choice) {
                        return equal(choice, value);
                      });
      if (found == end) refuse(d, ": the value given is none of the choices");
      return *found;
    }
    if (value.type != (d.type == SLW_DOMAIN_INT ? SLW_INT : SLW_FLOAT))
      refuse(d, ": the value given is of another type");
    const double number = value.type == SLW_INT ? static_cast<double>(value.v.i) : value.v.f;
    if (!(number >= d.low && number <= d.high))
      refuse(d, ": the value given lies outside low and high");
    return value;
  }
  static bool equal(const slw_value& a, const slw_value& b) {
    const bool texts = (a.type == SLW_STRING || a.type == SLW_PATH) &&
                       (b.type == SLW_STRING || b.type == SLW_PATH);
    if (texts) return slipway::view(a.v.s) == slipway::view(b.v.s);
    return a.type == b.type &&
           (a.type == SLW_FLOAT ? a.v.f == b.v.f
                                : (a.type == SLW_INT || a.type == SLW_BOOL) && a.v.i == b.v.i);
  }

  static slw_value draw(const slw_domain& d, double u) {
    if (d.type == SLW_DOMAIN_CHOICE)
      return d.choices[std::min<uint32_t>(static_cast<uint32_t>(u * d.choice_count),
                                          d.choice_count - 1)];
    slw_value out{};
    // Whole numbers and steps: every value gets an equal share, both ends included.
    const double step = d.type == SLW_DOMAIN_INT ? std::max(1.0, d.step) : d.step;
    const double steps = step > 0 ? std::floor((d.high - d.low) / step + 1e-9) : 0,
                 top = step > 0 ? std::min(d.high, d.low + step * steps) : d.high;
    double value;
    if (d.log_scale != 0) {
      // A value stands for half a step to each side; the lowest reaches down to no less than its
      // half, which is over 0.
      const double low = std::log(step > 0 ? std::max(d.low - step / 2, d.low / 2) : d.low),
                   high = std::log(step > 0 ? top + step / 2 : d.high);
      value = std::exp(low + u * (high - low));
      if (step > 0) value = d.low + step * std::round((value - d.low) / step);
    } else if (step > 0) {
      value = d.low + step * std::floor(u * (steps + 1));
    } else {
      value = d.low + u * (d.high - d.low);
    }
    value = std::clamp(value, d.low, top);
    out.type = d.type == SLW_DOMAIN_INT ? SLW_INT : SLW_FLOAT;
    if (d.type == SLW_DOMAIN_INT) out.v.i = std::llround(value);
    else out.v.f = value;
    return out;
  }

  uint64_t seed_ = 0;
  std::vector<const slw_domain*> domains_;
  std::vector<int32_t> directions_;
  std::vector<slw_value> values_;
  std::map<int64_t, std::vector<slw_value>> waiting_;
  std::map<int64_t, std::vector<double>> results_;
};

}  // namespace

SLW_EXPORT_SEARCH(Random);
