// Figures.
#include "record/report/figure.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "record/report/text.h"

namespace slipway::report {
namespace {

constexpr double kLogFrom = 10;  // largest over smallest value

std::string drawn(const Chart& chart) { return svg_curve(chart); }
std::string drawn(const Histogram& chart) { return svg_histogram(chart); }

template <class Any>
std::string both(Any chart, const std::string& css) {
  chart.css = css + "wide";
  const std::string wide = drawn(chart);
  if (wide.empty()) return "";
  chart.css = css + "narrow";
  return wide + "\n" + drawn(narrow(std::move(chart))) + "\n";
}

std::string caption(const std::string& title, const std::string& note) {
  const std::string more =
      note.empty() ? "" : fmt::format("<p class=\"note\">{}</p>", escape(note));
  return fmt::format("<figcaption><h3>{}</h3>{}</figcaption>\n", escape(title), more);
}

template <class Any>
std::string plain_figure(const std::string& title, const std::string& note, const Any& chart) {
  const std::string svg = both(chart, "");
  return svg.empty() ? "" : "<figure>" + caption(title, note) + svg + "</figure>\n";
}

}  // namespace

std::string figure(const std::string& title, const std::string& note, const Chart& chart) {
  return plain_figure(title, note, chart);
}

std::string figure(const std::string& title, const std::string& note, const Histogram& chart) {
  return plain_figure(title, note, chart);
}

std::string figure_with_log(const std::string& title, const std::string& note, const Chart& chart,
                            const std::string& id) {
  double lo = INFINITY, hi = -INFINITY;
  for (const Series& series : chart.series)
    for (size_t i = 0; i < std::min(series.x.size(), series.y.size()); ++i)
      if (std::isfinite(series.x[i]) && std::isfinite(series.y[i])) {
        lo = std::min(lo, series.y[i]);
        hi = std::max(hi, series.y[i]);
      }
  if (!(lo > 0 && hi > lo)) return figure(title, note, chart);
  Chart log = chart;
  log.log = true;
  return "<figure class=\"switched\">" + caption(title, note) +
         fmt::format(
             "<input type=\"checkbox\" id=\"{0}\"{1}/><label for=\"{0}\">log scale</label>\n", id,
             hi > kLogFrom * lo ? " checked=\"checked\"" : "") +
         both(chart, "linear ") + both(std::move(log), "log ") + "</figure>\n";
}

std::string grid_of(const std::string& figures) {
  return figures.empty() ? "" : "<div class=\"charts\">\n" + figures + "</div>\n";
}

}  // namespace slipway::report
