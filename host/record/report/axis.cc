// Axes of a chart.
#include "record/report/axis.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "record/report/text.h"

namespace slipway::report {
namespace {

// The smallest of 1, 2, 2.5, 5 times a power of ten that is at least `step`; 2.5 only where
// fractions may stand.
double round_step(double step, bool whole) {
  const double power = std::pow(10.0, std::floor(std::log10(step)));
  for (const double factor : {1.0, 2.0, 2.5, 5.0}) {
    if (whole && factor == 2.5 && power < 10) continue;
    if (factor * power >= step * (1 - 1e-9)) return factor * power;
  }
  return 10 * power;
}

void fill_ticks(Axis& axis) {
  const double first = std::ceil(axis.lo / axis.step - 1e-6),
               last = std::floor(axis.hi / axis.step + 1e-6);
  for (double i = first; i <= last; ++i) axis.ticks.push_back(i * axis.step);
}

// Round values that enclose lo..hi: every power of ten with `factors` of it, or every nth power
// alone.
std::vector<double> log_ticks(double lo, double hi, const std::vector<double>& factors,
                              int stride) {
  std::vector<double> out;
  const int first = static_cast<int>(std::floor(std::log10(lo) + 1e-9));
  for (int power = first; out.empty() || out.back() < hi * (1 - 1e-9); power += stride)
    for (const double factor : factors) {
      const double tick = factor * std::pow(10.0, power);
      if (!out.empty() && tick <= lo * (1 + 1e-9)) out.clear();
      if (out.empty() || out.back() < hi * (1 - 1e-9)) out.push_back(tick);
    }
  return out;
}

}  // namespace

std::string Axis::text(double tick) const {
  if (!names.empty()) {
    const auto at = static_cast<size_t>(std::max(0.0, std::round(tick)));
    return at < names.size() ? names[at] : "";
  }
  if (log && step == 0) return plain_text(tick);
  const double unit = std::pow(10.0, exponent);
  const double shown = tick / unit, apart = step / unit;
  int decimals = 0;
  while (decimals < 6 && std::abs(apart * std::pow(10.0, decimals) -
                                  std::round(apart * std::pow(10.0, decimals))) > 1e-6)
    ++decimals;
  if (decimals == 0) return whole_text(shown);
  const std::string digits = fmt::format("{:.{}f}", std::abs(shown), decimals);
  return (shown < -apart / 2 ? "−" : "") + digits;
}

Axis value_axis(double lo, double hi, bool from_zero, int most_ticks) {
  if (from_zero) {
    lo = std::min(lo, 0.0);
    hi = std::max(hi, 0.0);
  }
  const double size = std::max(std::abs(lo), std::abs(hi));
  if (!(hi - lo > size * 1e-9)) {  // constant, or too close together for a double to divide
    const double room = size > 0 ? size * 0.2 : 1.0;
    if (lo < 0 || size == 0) hi = std::max(hi, lo) + room;
    if (size > 0 || !from_zero) lo -= size > 0 ? room : 0.0;
    hi = std::max(hi, lo + 2 * room);
  }
  Axis axis;
  axis.step = round_step((hi - lo) / std::max(1, most_ticks - 1), false);
  axis.lo = std::floor(lo / axis.step + 1e-6) * axis.step;
  axis.hi = std::ceil(hi / axis.step - 1e-6) * axis.step;
  const double largest = std::max(std::abs(axis.lo), std::abs(axis.hi));
  if (axis.step < 0.999e-3 || largest >= 1e6)
    axis.exponent = static_cast<int>(std::floor(std::log10(largest) + 1e-9));
  fill_ticks(axis);
  return axis;
}

Axis count_axis(double lo, double hi, int most_ticks) {
  Axis axis;
  axis.step = std::max(1.0, round_step(std::max(hi - lo, 1.0) / std::max(1, most_ticks - 1), true));
  const bool single = !(hi - lo > std::abs(hi) * 1e-9);
  axis.lo = single ? lo - axis.step / 2 : lo;
  axis.hi = single ? hi + axis.step / 2 : hi;
  if (single) {
    axis.ticks = {lo};
  } else {
    fill_ticks(axis);
  }
  if (axis.hi >= 1e7) axis.exponent = static_cast<int>(std::floor(std::log10(axis.hi)));
  return axis;
}

Axis log_axis(double lo, double hi, int most_ticks) {
  Axis axis;
  if (hi < 10 * lo) {  // too few round powers: the ticks of a linear axis, in their places
    axis = value_axis(lo, hi, false, most_ticks);
    std::erase_if(axis.ticks, [](double tick) { return !(tick > 0); });
    if (!(axis.lo > 0)) axis.lo = std::min(lo, axis.ticks.front()) / 2;
  } else {
    const auto most = static_cast<size_t>(std::max(2, most_ticks));
    axis.ticks = log_ticks(lo, hi, {1, 2, 5}, 1);
    for (int stride = 1; axis.ticks.size() > most; ++stride)
      axis.ticks = log_ticks(lo, hi, {1}, stride);
    axis.lo = axis.ticks.front();
    axis.hi = axis.ticks.back();
    axis.step = 0;
  }
  axis.log = true;
  return axis;
}

Axis named_axis(const std::vector<std::string>& names) {
  Axis axis;
  axis.names = names;
  axis.lo = -0.5;
  axis.hi = static_cast<double>(names.size()) - 0.5;
  for (size_t i = 0; i < names.size(); ++i) axis.ticks.push_back(static_cast<double>(i));
  return axis;
}

std::string axes(Frame& frame, const Axis& x, const Axis& y, const std::string& x_name,
                 const std::string& y_name, Scale& to_x, Scale& to_y) {
  double widest = 0;
  for (const double tick : y.ticks) widest = std::max(widest, text_width(y.text(tick), 12));
  frame.left = widest + 10;
  constexpr double kInset = 8;  // so that the first and the last dot stand free of the frame
  to_x = {x.lo, x.hi, frame.left + kInset, frame.plot_right() - kInset, x.log};
  to_y = {y.lo, y.hi, frame.plot_bottom(), frame.top, y.log};
  const auto unit = [](const std::string& name, int exponent) {
    return escape(exponent == 0 ? name : name + " × " + power_of_ten(exponent));
  };
  std::string out;
  for (const double tick : y.ticks) {
    out += fmt::format("<path class=\"{}\" d=\"M{:.1f} {:.1f}H{:.1f}\"/>",
                       tick == 0 && !y.log ? "zero" : "grid", frame.left, to_y(tick),
                       frame.plot_right());
    out += fmt::format("<text class=\"tick end\" x=\"{:.1f}\" y=\"{:.1f}\">{}</text>",
                       frame.left - 6, to_y(tick) + 4, y.text(tick));
  }
  const double room = (frame.plot_right() - frame.left) / static_cast<double>(x.names.size() + 1);
  for (const double tick : x.ticks) {
    out += fmt::format("<path class=\"zero\" d=\"M{:.1f} {:.1f}v4\"/>", to_x(tick),
                       frame.plot_bottom());
    out += fmt::format("<text class=\"tick mid\" x=\"{:.1f}\" y=\"{:.1f}\">{}</text>", to_x(tick),
                       frame.plot_bottom() + 17,
                       x.names.empty() ? x.text(tick) : escape(fitted(x.text(tick), 12, room)));
  }
  out += fmt::format("<path class=\"zero\" d=\"M{:.1f} {:.1f}H{:.1f}\"/>", frame.left,
                     frame.plot_bottom(), frame.plot_right());
  out += fmt::format("<text class=\"name\" x=\"0\" y=\"13\">{}</text>", unit(y_name, y.exponent));
  out += fmt::format("<text class=\"name end\" x=\"{:.1f}\" y=\"{:.1f}\">{}</text>\n",
                     frame.plot_right(), frame.plot_bottom() + 36.0, unit(x_name, x.exponent));
  return out;
}

void spread(std::vector<double>& at, double gap, double lo, double hi) {
  std::vector<size_t> order(at.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return at[a] < at[b]; });
  double least = lo;
  for (const size_t i : order) {
    at[i] = std::max(at[i], least);
    least = at[i] + gap;
  }
  double most = hi;
  for (auto i = order.rbegin(); i != order.rend(); ++i) {
    at[*i] = std::min(at[*i], most);
    most = at[*i] - gap;
  }
}

}  // namespace slipway::report
