// Series.
#include "record/report/series.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace slipway::report {
namespace {

constexpr size_t kMany = 120;  // from here on loss and gradient norm get a moving mean

std::vector<double> scaled(std::vector<double> values, double factor) {
  for (double& value : values) value *= factor;
  return values;
}

// Mean of the finite values around each entry, over what there is of the window at the ends;
// missing where the entry is.
std::vector<double> moving_mean(const std::vector<double>& values, size_t window) {
  std::vector<double> sums{0.0}, counts{0.0}, out;
  for (const double value : values) {
    sums.push_back(sums.back() + (std::isnan(value) ? 0.0 : value));
    counts.push_back(counts.back() + (std::isnan(value) ? 0.0 : 1.0));
  }
  for (size_t i = 0; i < values.size(); ++i) {
    const size_t begin = i - std::min(i, window / 2),
                 end = std::min(values.size(), i + window / 2 + 1);
    out.push_back(std::isnan(values[i])
                      ? kMissing
                      : (sums[end] - sums[begin]) / (counts[end] - counts[begin]));
  }
  return out;
}

}  // namespace

void add_series(Chart& chart, const Table& table, const std::string& x, const std::string& y,
                const std::string& name, int colour, double factor) {
  if (table.has(y) && table.has(x))
    chart.series.push_back({name, colour, table.column(x), scaled(table.column(y), factor)});
}

std::optional<Series> mean_of_long(const Series& series) {
  if (series.y.size() < kMany) return std::nullopt;
  Series out = series;
  const size_t window = std::max<size_t>(9, series.y.size() / 40);
  out.name = fmt::format("mean of {}", window);
  out.y = moving_mean(out.y, window);
  return out;
}

}  // namespace slipway::report
