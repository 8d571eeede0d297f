// Several runs beside each other: their names and colours, and the charts that they share.
#pragma once
#include <string>
#include <vector>

#include "record/report/data.h"

namespace slipway::report {

// More colours cannot be told apart, by colour-blind readers least of all.
inline constexpr size_t kMostRuns = 8;

struct Run {
  std::string name;  // tells it apart from the others
  Record record;
  int colour = 1;
  bool dashed = false;
};

// The runs of these folders, named after them with as many parents as it takes to tell them apart.
// Throws Error when there are more than kMostRuns, when one is there twice, and when one is no run.
std::vector<Run> read_runs(const std::vector<fs::path>& folders);

// The metrics of all their evaluations (figures.h), a dozen at most.
std::vector<std::string> shared_metrics(const std::vector<Run>& runs);

// Gives the runs their colours, in their order.
void colour(std::vector<Run>& runs);

// Which colour is whose.
std::string legend(const std::vector<Run>& runs);

// A chart for each figure that some run has, its curves over each other.
std::string shared_figures(const std::vector<Run>& runs);

// `values` with as many digits as tell different ones apart, up to seven.
std::vector<std::string> telling_texts(const std::vector<double>& values);

}  // namespace slipway::report
