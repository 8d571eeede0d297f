// Curves as SVG.
#include "record/report/chart.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <numeric>
#include <optional>

#include "record/report/axis.h"
#include "record/report/text.h"

namespace slipway::report {
namespace {

constexpr size_t kMostPoints = 600;  // more are thinned: a chart is some 450 px wide
constexpr size_t kDense = 150;       // more points than this are a thinner line
constexpr size_t kMostDots = 40;     // more points than this are a line without dots
constexpr double kLabelGap = 16;

struct Range {
  double lo = INFINITY, hi = -INFINITY;
  void add(double value) {
    if (!std::isfinite(value)) return;
    lo = std::min(lo, value);
    hi = std::max(hi, value);
  }
  bool empty() const { return lo > hi; }
};

// Of each class along x: first, lowest, highest and last point, so that a thinned line covers the
// same pixels. A gap stays one when a class has no finite point at all.
Points thinned(const Points& points, size_t classes) {
  Points out;
  const double lo = points.x.front(), width = (points.x.back() - lo) / static_cast<double>(classes);
  const auto class_of = [&](size_t i) {
    return std::min(static_cast<size_t>((points.x[i] - lo) / width), classes - 1);
  };
  for (size_t begin = 0, end = 0; begin < points.x.size(); begin = end) {
    std::vector<size_t> finite;
    for (end = begin; end < points.x.size() && class_of(end) == class_of(begin); ++end)
      if (!std::isnan(points.y[end])) finite.push_back(end);
    std::vector<size_t> keep = {begin};
    if (!finite.empty()) {
      const auto less = [&](size_t a, size_t b) { return points.y[a] < points.y[b]; };
      const auto [low, high] = std::minmax_element(finite.begin(), finite.end(), less);
      keep = {finite.front(), *low, *high, finite.back()};
      std::sort(keep.begin(), keep.end());
      keep.erase(std::unique(keep.begin(), keep.end()), keep.end());
    }
    for (const size_t i : keep) {
      out.x.push_back(points.x[i]);
      out.y.push_back(points.y[i]);
    }
  }
  return out;
}

std::string line_path(const Points& points, const Scale& to_x, const Scale& to_y) {
  std::string d;
  bool pen_down = false;
  for (size_t i = 0; i < points.x.size(); ++i) {
    const bool finite = !std::isnan(points.y[i]);
    if (finite)
      fmt::format_to(std::back_inserter(d), "{}{:.1f} {:.1f}", pen_down ? 'L' : 'M',
                     to_x(points.x[i]), to_y(points.y[i]));
    // A round cap shows a point that stands alone between two gaps.
    const bool alone =
        finite && !pen_down && (i + 1 == points.x.size() || std::isnan(points.y[i + 1]));
    if (alone) d += "h0";
    pen_down = finite;
  }
  return d;
}

std::string band_path(const Band& band, const Scale& to_x, const Scale& to_y) {
  const Points low = drawn_points({"", 1, band.x, band.lo}, kMostPoints),
               high = drawn_points({"", 1, band.x, band.hi}, kMostPoints);
  std::string there, back;
  for (size_t i = 0; i < low.x.size(); ++i)
    if (!std::isnan(low.y[i]))
      fmt::format_to(std::back_inserter(there), "{}{:.1f} {:.1f}", there.empty() ? 'M' : 'L',
                     to_x(low.x[i]), to_y(low.y[i]));
  for (size_t i = high.x.size(); i > 0; --i)
    if (!std::isnan(high.y[i - 1]))
      fmt::format_to(std::back_inserter(back), "L{:.1f} {:.1f}", to_x(high.x[i - 1]),
                     to_y(high.y[i - 1]));
  return there.empty() || back.empty() ? "" : there + back + "Z";
}

// What the script of the page reads out: pixel x, pixel y, x, y of every drawn point.
std::string hover_points(const Points& points, const Scale& to_x, const Scale& to_y) {
  std::string out;
  for (size_t i = 0; i < points.x.size(); ++i)
    if (!std::isnan(points.y[i]))
      fmt::format_to(std::back_inserter(out), "{}{:.1f},{:.1f},{:.6g},{:.4g}",
                     out.empty() ? "" : ";", to_x(points.x[i]), to_y(points.y[i]), points.x[i],
                     points.y[i]);
  return out;
}

std::optional<double> last_finite(const Points& points) {
  for (size_t i = points.y.size(); i > 0; --i)
    if (!std::isnan(points.y[i - 1])) return points.y[i - 1];
  return std::nullopt;
}

std::string series_svg(const Series& series, const Points& points, const Scale& to_x,
                       const Scale& to_y, bool hover) {
  std::string out = fmt::format("<g class=\"series c{}{}\"", series.colour,
                                series.faint               ? " faint"
                                : points.x.size() > kDense ? " dense"
                                                           : "");
  if (hover)
    out += fmt::format(" data-name=\"{}\" data-points=\"{}\"", escape(series.name),
                       hover_points(points, to_x, to_y));
  out += fmt::format("><path class=\"line\" d=\"{}\"/>", line_path(points, to_x, to_y));
  if (points.x.size() <= kMostDots && !series.faint)
    for (size_t i = 0; i < points.x.size(); ++i)
      if (!std::isnan(points.y[i]))
        out += fmt::format("<circle class=\"dot\" cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"3.5\"/>",
                           to_x(points.x[i]), to_y(points.y[i]));
  return out + "</g>\n";
}

struct Label {
  std::string value, name;
  int colour;
  double y;
  // the value is bold
  double width() const { return 26 + text_width(value, 14) + text_width(name, 12.5); }
};

std::string labels_svg(std::vector<Label> labels, const Frame& frame, const Scale& to_y) {
  std::vector<double> at;
  for (const Label& label : labels) at.push_back(to_y(label.y));
  spread(at, kLabelGap, frame.top + 2, frame.plot_bottom() - 2);
  std::string out;
  for (size_t i = 0; i < labels.size(); ++i) {
    const double x = frame.plot_right() + 4;
    out += fmt::format("<g class=\"c{}\"><path class=\"key\" d=\"M{:.1f} {:.1f}h12\"/></g>",
                       labels[i].colour, x, at[i]);
    out += fmt::format(
        "<text class=\"label\" x=\"{:.1f}\" y=\"{:.1f}\"><tspan class=\"value\">{}</tspan> "
        "{}</text>\n",
        x + 17, at[i] + 4.3, escape(labels[i].value), escape(labels[i].name));
  }
  return out;
}

std::string level_line(const Level& level, const Frame& frame, const Scale& to_y) {
  return fmt::format("<path class=\"level\" d=\"M{:.1f} {:.1f}H{:.1f}\"/>\n", frame.left,
                     to_y(level.y), frame.plot_right());
}

std::string level_name(const Level& level, const Frame& frame, const Scale& to_y) {
  return fmt::format("<text class=\"tick halo\" x=\"{:.1f}\" y=\"{:.1f}\">{}</text>\n",
                     frame.left + 6, to_y(level.y) - 6, escape(level.name));
}

std::string marks_svg(const std::vector<double>& marks, const Axis& x, const Frame& frame,
                      const Scale& to_x) {
  std::string out;
  for (const double mark : marks)
    if (mark > x.lo && mark < x.hi)
      out += fmt::format("<path class=\"mark\" d=\"M{:.1f} {:.1f}V{:.1f}\"/>", to_x(mark),
                         frame.top, frame.plot_bottom());
  return out;
}

std::pair<Range, Range> ranges(const Chart& chart, const std::vector<Points>& drawn) {
  Range x, y;
  for (const Points& points : drawn) {
    for (size_t i = 0; i < points.x.size(); ++i) {
      x.add(points.x[i]);
      y.add(points.y[i]);
    }
  }
  if (y.empty()) return {x, y};
  for (const Level& level : chart.levels) y.add(level.y);
  for (const Band& band : chart.bands) {
    for (const double value : band.lo) y.add(value);
    for (const double value : band.hi) y.add(value);
  }
  return {x, y};
}

}  // namespace

Points drawn_points(const Series& series, size_t most) {
  std::vector<size_t> order;
  for (size_t i = 0; i < std::min(series.x.size(), series.y.size()); ++i)
    if (std::isfinite(series.x[i])) order.push_back(i);
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return series.x[a] < series.x[b]; });
  Points out;
  for (const size_t i : order) {
    const double y = std::isfinite(series.y[i]) ? series.y[i] : NAN;
    if (out.x.empty() || out.x.back() != series.x[i]) {
      out.x.push_back(series.x[i]);
      out.y.push_back(y);
    } else if (!std::isnan(y)) {
      out.y.back() = y;
    }
  }
  return out.x.size() > most ? thinned(out, std::max<size_t>(1, most / 4)) : out;
}

std::string svg_curve(const Chart& chart) {
  std::vector<Points> drawn;
  std::vector<Label> labels;
  Frame frame{.width = chart.width, .height = chart.height};
  for (const Series& series : chart.series) {
    drawn.push_back(drawn_points(series, kMostPoints));
    const std::optional<double> last = last_finite(drawn.back());
    if (!last || series.faint) continue;
    labels.push_back({number_text(*last), series.name, series.colour, *last});
    frame.right = std::max(frame.right, std::min(labels.back().width(), chart.width * 0.4));
  }
  const auto [x_range, y_range] = ranges(chart, drawn);
  if (y_range.empty()) return "";
  const Axis x = count_axis(x_range.lo, x_range.hi, chart.width > 400 ? 7 : 5);
  const Axis y = value_axis(y_range.lo, y_range.hi, chart.from_zero, 6);
  Scale to_x, to_y;
  const std::string frame_svg = axes(frame, x, y, chart.x_name, chart.y_name, to_x, to_y);
  std::string out = fmt::format(
      "<svg class=\"chart\" viewBox=\"0 0 {0} {1}\" width=\"{0}\" height=\"{1}\" role=\"img\" "
      "data-count=\"{2}\">\n",
      chart.width, chart.height, escape(chart.counted));
  out += frame_svg + marks_svg(chart.marks, x, frame, to_x);
  for (const Band& band : chart.bands)
    out += fmt::format("<g class=\"c{}\"><path class=\"band\" d=\"{}\"/></g>\n", band.colour,
                       band_path(band, to_x, to_y));
  for (const Level& level : chart.levels) out += level_line(level, frame, to_y);
  for (size_t i = 0; i < chart.series.size(); ++i)
    if (last_finite(drawn[i]))
      out += series_svg(chart.series[i], drawn[i], to_x, to_y, chart.hover);
  for (const Level& level : chart.levels) out += level_name(level, frame, to_y);
  return out + labels_svg(labels, frame, to_y) + "</svg>";
}

}  // namespace slipway::report
