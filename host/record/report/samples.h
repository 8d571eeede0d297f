// Which answers the report shows, and the table of them.
#pragma once
#include <string>
#include <vector>

#include "record/report/data.h"

namespace slipway::report {

// `count` pairs spread evenly over the ranked change of reward, from the largest gain to the
// largest loss; all of them, ranked, when there are no more. Ties keep the order of the file, so
// the choice is the same every time.
std::vector<const Pair*> spread_over_change(const std::vector<Pair>& pairs, size_t count);

// The middle pair of each of `count` equal parts of that ranking: typical ones, without the
// extremes.
std::vector<const Pair*> typical_of_parts(const std::vector<Pair>& pairs, size_t count);

// The section with answers before and after; where the run has none, with what `slipway predict`
// wrote of it; empty when it has neither.
std::string samples_section(const Record& record);

// `rows` markup of table rows in their order: few that are spread over them at once, the others
// behind a line to open. `head` is the table's <thead>.
std::string few_and_more(const std::string& head, const std::vector<std::string>& rows);

}  // namespace slipway::report
