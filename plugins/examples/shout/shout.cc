// Reward: the share of a completion's letters that are capitals.
#include <limits>

#include "slipway/plugin.hpp"

struct Shout : slipway::Reward<Shout> {
  static constexpr auto id = "org.example.shout", name = "Shout", version = "1.0.0",
                        license = "MIT", help = "Loud completions score high.";
  static constexpr slw_option most =
      slipway::option(SLW_FLOAT, "most", "Shares above this earn no more.", "1.0", "0.0", "1.0");
  static constexpr const slw_option* options[] = {&most, nullptr};

  explicit Shout(slipway::Config c) : most_(c.number("most")) {}
  double score(const slipway::Sample& s) const {
    double capitals = 0, letters = 0;
    for (const char c : s.completion)
      capitals += c >= 'A' && c <= 'Z', letters += (c | 32) >= 'a' && (c | 32) <= 'z';
    if (letters == 0) return std::numeric_limits<double>::quiet_NaN();  // no opinion
    return capitals / letters < most_ ? capitals / letters : most_;
  }

 private:
  double most_;
};
SLW_EXPORT_REWARD(Shout);
