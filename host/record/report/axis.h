// Axes of a chart: ranges, round ticks and the frame that every chart stands in.
#pragma once
#include <cmath>
#include <string>
#include <vector>

namespace slipway::report {

// Values lo..hi on pixels at_lo..at_hi.
struct Scale {
  double lo = 0, hi = 1, at_lo = 0, at_hi = 1;
  bool log = false;  // wants values over 0
  double operator()(double value) const {
    const double share = log ? std::log(value / lo) / std::log(hi / lo) : (value - lo) / (hi - lo);
    return at_lo + share * (at_hi - at_lo);
  }
};

// A range that ticks divide: hi > lo, both finite.
struct Axis {
  double lo = 0, hi = 1, step = 1;
  std::vector<double> ticks;  // ascending, within lo..hi
  int exponent = 0;           // tick texts are in units of 10^exponent
  bool log = false;
  std::vector<std::string> names;  // what the ticks 0, 1, ... stand for, where they are no numbers
  std::string text(double tick) const;
};

// A value axis around lo..hi, widened to round ends; a constant series gets room on both sides.
// Wants finite values.
Axis value_axis(double lo, double hi, bool from_zero, int most_ticks);

// An axis of whole numbers (steps, iterations) that ends where the data ends; a single value stands
// in the middle.
Axis count_axis(double lo, double hi, int most_ticks);

// A logarithmic axis around lo..hi, which are over 0.
Axis log_axis(double lo, double hi, int most_ticks);

// The values 0, 1, ... with a name each.
Axis named_axis(const std::vector<std::string>& names);

struct Frame {
  int width = 470, height = 264;
  double left = 44, right = 16, top = 28, bottom = 42;  // margins
  double plot_right() const { return width - right; }
  double plot_bottom() const { return height - bottom; }
};

// Grid lines, tick texts and the two names; sets frame.left to what the tick texts need, and the
// scales.
std::string axes(Frame& frame, const Axis& x, const Axis& y, const std::string& x_name,
                 const std::string& y_name, Scale& to_x, Scale& to_y);

// Moves label positions apart to `gap` px while keeping their order and staying within lo..hi where
// there is room.
void spread(std::vector<double>& at, double gap, double lo, double hi);

}  // namespace slipway::report
