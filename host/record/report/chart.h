// Charts as SVG: curves over a count (steps, iterations) and histograms. Colours are classes of
// style.h: c1..c5, and c11..c18 of runs beside each other.
#pragma once
#include <string>
#include <vector>

namespace slipway::report {

struct Series {
  std::string name;
  int colour = 1;
  // as long as each other, any order; NaN in y leaves a gap, NaN in x drops the point
  std::vector<double> x, y;
  bool faint = false;  // background to another series: thin and without a label
  bool dashed = false;
  bool joined = true;  // by a line; false: dots alone
};

struct Band {  // a shaded range around a series
  int colour = 1;
  std::vector<double> x, lo, hi;
};

struct Level {  // a dashed horizontal line
  double y = 0;
  std::string name;
};

struct Chart {
  // names of the axes; what one unit of x is ("step"), for the read-out
  std::string x_name, y_name, counted;
  std::vector<Series> series;  // drawn in this order
  std::vector<Band> bands;
  std::vector<Level> levels;
  std::vector<double> marks;  // faint vertical lines
  bool from_zero = false;     // the value axis holds 0
  // The axis of x counts from its first to its last value, or, one of: has a range with round ends,
  // is logarithmic (values over 0), stands for these names.
  bool x_range = false, x_log = false;
  std::vector<std::string> x_names;
  bool log = false;   // the value axis; values that are not over 0 are left out
  bool hover = true;  // carries its points for the page's read-out script
  int width = 470, height = 264;
  // For a narrow column: keys and last values stand above the curves, not beside them.
  bool keys_above = false;
  std::string css;  // more classes of the <svg>
};

// The <svg> element of the chart; empty when no series has a point. Long series are thinned to what
// pixels can show, keeping every peak. Each named series is labelled at its end with its last
// value.
std::string svg_curve(const Chart& chart);

// The same for a narrow column, as a phone's: its text is still 12 px there.
Chart narrow(Chart chart);

struct Bars {
  std::string name;
  int colour = 1;
  std::vector<double> values;  // finite
};

// Shares of values in equal classes, one outline per entry of `bars`, its mean marked.
struct Histogram {
  std::vector<Bars> bars;
  std::string x_name;
  int width = 470, height = 264;
  bool keys_above = false;  // as in Chart
  std::string css;
};

// Empty when there is no value.
std::string svg_histogram(const Histogram& chart);
Histogram narrow(Histogram chart);

// The points as they are drawn: ascending in x, the last finite one where x repeats, thinned to at
// most four a pixel class when more than `most`. A NaN in y separates pieces.
struct Points {
  std::vector<double> x, y;
};
Points drawn_points(const Series& series, size_t most);

}  // namespace slipway::report
