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

// What the script of the page reads out: pixel x, x, y of every drawn point.
std::string hover_points(const Points& points, const Scale& to_x) {
  std::string out;
  for (size_t i = 0; i < points.x.size(); ++i)
    if (!std::isnan(points.y[i]))
      fmt::format_to(std::back_inserter(out), "{}{:.1f},{:.6g},{:.4g}", out.empty() ? "" : ";",
                     to_x(points.x[i]), points.x[i], points.y[i]);
  return out;
}

std::optional<double> last_finite(const Points& points) {
  for (size_t i = points.y.size(); i > 0; --i)
    if (!std::isnan(points.y[i - 1])) return points.y[i - 1];
  return std::nullopt;
}

std::string series_svg(const Series& series, const Points& points, const Scale& to_x,
                       const Scale& to_y, bool hover) {
  std::string out = fmt::format("<g class=\"series c{}{}{}\"", series.colour,
                                series.faint               ? " faint"
                                : points.x.size() > kDense ? " dense"
                                                           : "",
                                series.dashed ? " dashed" : "");
  if (hover)
    out += fmt::format(" data-name=\"{}\" data-points=\"{}\"", escape(series.name),
                       hover_points(points, to_x));
  out += ">";
  if (series.joined)
    out += fmt::format("<path class=\"line\" d=\"{}\"/>", line_path(points, to_x, to_y));
  if (!series.joined || (points.x.size() <= kMostDots && !series.faint))
    for (size_t i = 0; i < points.x.size(); ++i)
      if (!std::isnan(points.y[i]))
        out += fmt::format("<circle class=\"dot\" cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"3.5\"/>",
                           to_x(points.x[i]), to_y(points.y[i]));
  return out + "</g>\n";
}

struct Label {
  std::string value, name;
  const Series* series;
  double y;
  // the value is bold
  double width() const { return kBesideName + text_width(value, 14) + text_width(name, 12.5); }
  // key, blanks
  static constexpr double kBesideName = 26;
};

std::string label_svg(const Label& label, double x, double y, double room) {
  const double left = room - Label::kBesideName - text_width(label.value, 14);
  return fmt::format(
      "<g class=\"c{}{}\"><path class=\"key\" d=\"M{:.1f} {:.1f}h12\"/></g><text class=\"label\" "
      "x=\"{:.1f}\" y=\"{:.1f}\"><tspan class=\"value\">{}</tspan> {}</text>\n",
      label.series->colour, label.series->dashed ? " dashed" : "", x, y, x + 17, y + 4.3,
      escape(label.value), escape(fitted(label.name, 12.5, left)));
}

std::string labels_svg(const std::vector<Label>& labels, const Frame& frame, const Scale& to_y) {
  std::vector<double> at;
  for (const Label& label : labels) at.push_back(to_y(label.y));
  spread(at, kLabelGap, frame.top + 2, frame.plot_bottom() - 2);
  std::string out;
  for (size_t i = 0; i < labels.size(); ++i)
    out += label_svg(labels[i], frame.plot_right() + 4, at[i], frame.right);
  return out;
}

// Labels in rows between the name of the value axis and the plot, as many in a row as fit; makes
// room for them.
std::string labels_above(const std::vector<Label>& labels, Frame& frame) {
  constexpr double kRow = 19, kBetween = 14;
  std::string out;
  double x = 0, y = frame.top;
  for (const Label& label : labels) {
    const double width = std::min(label.width(), static_cast<double>(frame.width));
    if (x > 0 && x + width > frame.width) {
      x = 0;
      y += kRow;
    }
    out += label_svg(label, x, y, width);
    x += width + kBetween;
  }
  const double rows = labels.empty() ? 0 : y - frame.top + kRow;
  frame.top += rows;
  frame.height += static_cast<int>(rows);
  return out;
}

std::string level_line(const Level& level, const Frame& frame, const Scale& to_y) {
  return fmt::format("<path class=\"level\" d=\"M{:.1f} {:.1f}H{:.1f}\"/>\n", frame.left,
                     to_y(level.y), frame.plot_right());
}

// Whether a curve passes through the box.
bool crosses(const Points& points, const Scale& to_x, const Scale& to_y, double left, double right,
             double top, double bottom) {
  for (size_t i = 0; i < points.x.size(); ++i) {
    const double x = to_x(points.x[i]), y = to_y(points.y[i]);
    if (x >= left && x <= right && y >= top && y <= bottom) return true;
    if (i == 0) continue;
    const double x0 = to_x(points.x[i - 1]), y0 = to_y(points.y[i - 1]);
    for (double at = std::max(left, x0); at <= std::min(right, x); at += 4) {
      const double between = x > x0 ? y0 + (y - y0) * (at - x0) / (x - x0) : y;
      if (between >= top && between <= bottom) return true;
    }
  }
  return false;
}

// Above the line; below it where a curve passes there.
std::string level_name(const Level& level, const Frame& frame, const Scale& to_x, const Scale& to_y,
                       const std::vector<Points>& drawn) {
  constexpr double kTall = 12, kApart = 6;
  const double left = frame.left + kApart, right = left + text_width(level.name, 12),
               line = to_y(level.y), below = line + kApart + kTall - 2;
  const auto is_free = [&](double top, double bottom) {
    return std::ranges::none_of(drawn, [&](const Points& points) {
      return crosses(points, to_x, to_y, left, right, top, bottom);
    });
  };
  const bool under = !is_free(line - kApart - kTall, line - 1) && below + 3 < frame.plot_bottom() &&
                     is_free(line + 1, below + 3);
  return fmt::format("<text class=\"tick halo\" x=\"{:.1f}\" y=\"{:.1f}\">{}</text>\n", left,
                     under ? below : line - kApart, escape(level.name));
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

// A level or a bound of a band that the axis can show.
bool on_axis(const Chart& chart, double y) { return std::isfinite(y) && (y > 0 || !chart.log); }

std::pair<Range, Range> ranges(const Chart& chart, const std::vector<Points>& drawn) {
  Range x, y;
  for (const Points& points : drawn) {
    for (size_t i = 0; i < points.x.size(); ++i) {
      x.add(points.x[i]);
      y.add(points.y[i]);
    }
  }
  if (y.empty()) return {x, y};
  for (const Level& level : chart.levels)
    if (on_axis(chart, level.y)) y.add(level.y);
  for (const Band& band : chart.bands) {
    for (const double value : band.lo) y.add(value);
    for (const double value : band.hi) y.add(value);
  }
  return {x, y};
}

Points points_of(const Chart& chart, Series series) {
  if (chart.log)
    for (double& y : series.y)
      if (!(y > 0)) y = NAN;
  if (!series.joined) {  // every dot, where several stand at one place of x too
    Points out;
    for (size_t i = 0; i < std::min(series.x.size(), series.y.size()); ++i)
      if (std::isfinite(series.x[i]) && std::isfinite(series.y[i])) {
        out.x.push_back(series.x[i]);
        out.y.push_back(series.y[i]);
      }
    return out;
  }
  return drawn_points(series, chart.width > 400 ? kMostPoints : kMostPoints / 2);
}

Axis x_axis(const Chart& chart, const Range& range) {
  const int ticks = chart.width > 400 ? 7 : 5;
  if (!chart.x_names.empty()) return named_axis(chart.x_names);
  if (chart.x_log) return log_axis(range.lo, range.hi, ticks - 1);
  return chart.x_range ? value_axis(range.lo, range.hi, false, ticks)
                       : count_axis(range.lo, range.hi, ticks);
}

// Everything inside the frame, in the order in which it covers what was drawn before.
std::string drawing(const Chart& chart, const std::vector<Points>& drawn, const Frame& frame,
                    const Scale& to_x, const Scale& to_y) {
  std::string out;
  for (const Band& band : chart.bands)
    out += fmt::format("<g class=\"c{}\"><path class=\"band\" d=\"{}\"/></g>\n", band.colour,
                       band_path(band, to_x, to_y));
  for (const Level& level : chart.levels)
    if (on_axis(chart, level.y)) out += level_line(level, frame, to_y);
  for (size_t i = 0; i < chart.series.size(); ++i)
    if (last_finite(drawn[i]))
      out += series_svg(chart.series[i], drawn[i], to_x, to_y, chart.hover);
  for (const Level& level : chart.levels)
    if (on_axis(chart, level.y)) out += level_name(level, frame, to_x, to_y, drawn);
  return out;
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

Chart narrow(Chart chart) {
  chart.width = 300;
  chart.height = 236;
  chart.keys_above = true;
  return chart;
}

std::string svg_curve(const Chart& chart) {
  std::vector<Points> drawn;
  std::vector<Label> labels;
  Frame frame{.width = chart.width, .height = chart.height};
  for (const Series& series : chart.series) {
    drawn.push_back(points_of(chart, series));
    const std::optional<double> last = last_finite(drawn.back());
    if (!last || series.faint || series.name.empty()) continue;
    labels.push_back({number_text(*last), series.name, &series, *last});
    if (!chart.keys_above)
      frame.right = std::max(frame.right, std::min(labels.back().width(), chart.width * 0.4));
  }
  const auto [x_range, y_range] = ranges(chart, drawn);
  if (y_range.empty()) return "";
  const std::string above = chart.keys_above ? labels_above(labels, frame) : "";
  const Axis x = x_axis(chart, x_range);
  const Axis y = chart.log ? log_axis(y_range.lo, y_range.hi, 6)
                           : value_axis(y_range.lo, y_range.hi, chart.from_zero, 6);
  Scale to_x, to_y;
  const std::string frame_svg = axes(frame, x, y, chart.x_name, chart.y_name, to_x, to_y);
  std::string out = fmt::format(
      "<svg class=\"chart{0}{1}\" viewBox=\"0 0 {2} {3}\" width=\"{2}\" height=\"{3}\" "
      "role=\"img\" "
      "aria-label=\"{4}\" data-count=\"{5}\" data-top=\"{6:.0f}\">\n",
      chart.css.empty() ? "" : " ", chart.css, frame.width, frame.height, escape(chart.y_name),
      escape(chart.counted), frame.top - 2);
  out +=
      frame_svg + marks_svg(chart.marks, x, frame, to_x) + drawing(chart, drawn, frame, to_x, to_y);
  return out + (chart.keys_above ? above : labels_svg(labels, frame, to_y)) + "</svg>";
}

}  // namespace slipway::report
