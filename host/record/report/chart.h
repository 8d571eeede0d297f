// Charts as SVG: curves over a count (steps, iterations) and histograms. Colours are classes c1..c5
// of report_style.h.
#pragma once
#include <string>
#include <vector>

namespace slipway::report {

struct Series {
  std::string name;
  int colour = 1;  // 1..5
  // as long as each other, any order; NaN in y leaves a gap, NaN in x drops the point
  std::vector<double> x, y;
  bool faint = false;  // background to another series: thin and without a label
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
  bool hover = true;          // carries its points for the page's read-out script
  int width = 470, height = 264;
};

// The <svg> element of the chart; empty when no series has a point. Long series are thinned to what
// pixels can show, keeping every peak. Each named series is labelled at its end with its last
// value.
std::string svg_curve(const Chart& chart);

struct Bars {
  std::string name;
  int colour = 1;
  std::vector<double> values;  // finite
};

// Shares of values in equal classes, one outline per entry of `bars`, its mean marked; empty when
// there is no value.
std::string svg_histogram(const std::vector<Bars>& bars, const std::string& x_name, int width = 470,
                          int height = 264);

// The points as they are drawn: ascending in x, the last finite one where x repeats, thinned to at
// most four a pixel class when more than `most`. A NaN in y separates pieces.
struct Points {
  std::vector<double> x, y;
};
Points drawn_points(const Series& series, size_t most);

}  // namespace slipway::report
