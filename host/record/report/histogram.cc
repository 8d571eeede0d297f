// Histograms as SVG: outlines over each other, so that two distributions of different size compare
// by share.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "record/report/axis.h"
#include "record/report/chart.h"
#include "record/report/text.h"

namespace slipway::report {
namespace {

constexpr size_t kClasses = 20;

double mean_of(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

// Per cent of the values in each class of the axis.
std::vector<double> shares(const std::vector<double>& values, const Axis& x) {
  std::vector<double> out(kClasses, 0.0);
  for (const double value : values) {
    const double at = (value - x.lo) / (x.hi - x.lo) * static_cast<double>(kClasses);
    out[static_cast<size_t>(std::clamp(at, 0.0, static_cast<double>(kClasses - 1)))] +=
        100.0 / static_cast<double>(values.size());
  }
  return out;
}

// The outline as a path from the base line up, along the classes, and down again.
std::string outline(const std::vector<double>& share, const Scale& to_x, const Scale& to_y) {
  const double width = (to_x.at_hi - to_x.at_lo) / static_cast<double>(share.size());
  std::string d = fmt::format("M{:.1f} {:.1f}", to_x.at_lo, to_y(0));
  for (size_t i = 0; i < share.size(); ++i)
    d += fmt::format("V{:.1f}H{:.1f}", to_y(share[i]),
                     to_x.at_lo + width * static_cast<double>(i + 1));
  return d + fmt::format("V{:.1f}", to_y(0));
}

// A key and the mean for each, stacked in the right margin.
std::string key(const std::vector<Bars>& bars, const Frame& frame) {
  std::string out;
  double y = frame.top + 12;
  for (const Bars& each : bars) {
    const double x = frame.plot_right() + 10;
    out += fmt::format("<g class=\"c{}\"><path class=\"key\" d=\"M{:.1f} {:.1f}h12\"/></g>",
                       each.colour, x, y - 4);
    out += fmt::format("<text class=\"label\" x=\"{:.1f}\" y=\"{:.1f}\">{}</text>", x + 18, y,
                       escape(each.name));
    out += fmt::format(
        "<text class=\"label\" x=\"{:.1f}\" y=\"{:.1f}\">mean <tspan "
        "class=\"value\">{}</tspan></text>",
        x + 18, y + 17, number_text(mean_of(each.values)));
    out += fmt::format("<text class=\"tick\" x=\"{:.1f}\" y=\"{:.1f}\">{} samples</text>\n", x + 18,
                       y + 34, whole_text(static_cast<double>(each.values.size())));
    y += 58;
  }
  return out;
}

// The same in a row for each above the plot; makes room for them.
std::string key_above(const std::vector<Bars>& bars, Frame& frame) {
  constexpr double kRow = 19;
  std::string out;
  for (const Bars& each : bars) {
    out += fmt::format("<g class=\"c{}\"><path class=\"key\" d=\"M0 {:.1f}h12\"/></g>", each.colour,
                       frame.top);
    out += fmt::format(
        "<text class=\"label\" x=\"17\" y=\"{:.1f}\">{}: mean <tspan class=\"value\">{}</tspan>, "
        "{} "
        "samples</text>\n",
        frame.top + 4.3, escape(each.name), number_text(mean_of(each.values)),
        whole_text(static_cast<double>(each.values.size())));
    frame.top += kRow;
    frame.height += static_cast<int>(kRow);
  }
  return out;
}

// Room for key() in the right margin.
double room_of_key(const Bars& bars) {
  const std::string widest =
      fmt::format("{} samples", whole_text(static_cast<double>(bars.values.size())));
  return 34 + std::max({text_width(bars.name, 12.5), text_width(widest, 12.5),
                        text_width("mean −0.000", 13)});
}

}  // namespace

Histogram narrow(Histogram chart) {
  chart.width = 300;
  chart.height = 236;
  chart.keys_above = true;
  return chart;
}

std::string svg_histogram(const Histogram& chart) {
  double lo = INFINITY, hi = -INFINITY;
  std::vector<Bars> filled;
  Frame frame{.width = chart.width, .height = chart.height};
  for (const Bars& each : chart.bars) {
    if (each.values.empty()) continue;
    filled.push_back(each);
    const auto [least, most] = std::minmax_element(each.values.begin(), each.values.end());
    lo = std::min(lo, *least);
    hi = std::max(hi, *most);
    if (!chart.keys_above) frame.right = std::max(frame.right, room_of_key(each));
  }
  if (filled.empty()) return "";
  const std::string above = chart.keys_above ? key_above(filled, frame) : "";
  const Axis x = value_axis(lo, hi, false, chart.width > 400 ? 6 : 5);
  double top = 0;
  std::vector<std::vector<double>> heights;
  for (const Bars& each : filled) {
    heights.push_back(shares(each.values, x));
    top = std::max(top, *std::max_element(heights.back().begin(), heights.back().end()));
  }
  Scale to_x, to_y;
  const std::string frame_svg =
      axes(frame, x, value_axis(0, top, true, 5), chart.x_name, "% of samples", to_x, to_y);
  std::string out = fmt::format(
      "<svg class=\"chart{0}{1}\" viewBox=\"0 0 {2} {3}\" width=\"{2}\" height=\"{3}\" "
      "role=\"img\" "
      "aria-label=\"{4}\">\n",
      chart.css.empty() ? "" : " ", chart.css, frame.width, frame.height, escape(chart.x_name));
  out += frame_svg;
  for (size_t i = 0; i < filled.size(); ++i) {
    const double mean = to_x(mean_of(filled[i].values));
    out += fmt::format("<g class=\"series c{}\"><path class=\"area\" d=\"{}\"/>", filled[i].colour,
                       outline(heights[i], to_x, to_y));
    out += fmt::format("<path class=\"mean\" d=\"M{:.1f} {:.1f}V{:.1f}\"/></g>\n", mean,
                       frame.plot_bottom(), frame.top);
  }
  return out + (chart.keys_above ? above : key(filled, frame)) + "</svg>";
}

}  // namespace slipway::report
