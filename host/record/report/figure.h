// A chart on the page: its title, a note, and the chart itself twice, for a wide and for a narrow
// column; the style sheet shows one of them.
#pragma once
#include <string>

#include "record/report/chart.h"

namespace slipway::report {

// The <figure>; empty when the chart has no point.
std::string figure(const std::string& title, const std::string& note, const Chart& chart);
std::string figure(const std::string& title, const std::string& note, const Histogram& chart);

// The same with a switch between a linear and a logarithmic value axis, where all values are over 0
// and not equal. It begins logarithmic when the largest is more than 10 times the smallest. `id` is
// a name of its own on the page.
std::string figure_with_log(const std::string& title, const std::string& note, const Chart& chart,
                            const std::string& id);

// The figures as a grid; empty when there is none.
std::string grid_of(const std::string& figures);

}  // namespace slipway::report
