// Series of a chart from the columns of a run.
#pragma once
#include <optional>
#include <string>

#include "record/report/chart.h"
#include "record/report/data.h"

namespace slipway::report {

// Adds column `y` times `factor` over column `x`; nothing when one of them has no number.
void add_series(Chart& chart, const Table& table, const std::string& x, const std::string& y,
                const std::string& name, int colour, double factor = 1);

// The moving mean of a series of many points, named after its window; nothing for a short one.
std::optional<Series> mean_of_long(const Series& series);

}  // namespace slipway::report
