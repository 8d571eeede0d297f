// Cutting.
#include "model/units.h"

#include <algorithm>
#include <numeric>

namespace slipway {
namespace {

int64_t up_to(int64_t count, int64_t multiple) {
  return (count + multiple - 1) / multiple * multiple;
}

struct Cut {
  size_t first, last;  // places
  int completes;
  std::vector<int> readers;
};

int lowest(const std::vector<int>& readers) {
  return readers.empty() ? 0 : std::max(0, readers.front());
}

void add_readers(Cut& cut, const std::vector<int>& more, bool is_first) {
  if (more.empty() || (!is_first && cut.readers.empty())) return cut.readers.clear();
  std::vector<int> all;
  std::ranges::set_union(cut.readers, more, std::back_inserter(all));
  cut.readers = std::move(all);
}

// From the last to the first.
std::vector<Cut> cuts_of(const std::vector<ParameterPlace>& places,
                         const std::vector<std::vector<int>>& readers, int64_t fewest) {
  std::vector<Cut> out;
  int64_t values = 0;
  for (size_t i = places.size(); i-- > 0;) {
    const std::vector<int>& own = readers[places[i].index];
    if (out.empty() || (lowest(own) != out.back().completes && values >= fewest)) {
      out.push_back({i, i, lowest(own), {}});
      add_readers(out.back(), own, true);
      values = 0;
    } else {
      out.back().first = i;
      out.back().completes = std::min(out.back().completes, lowest(own));
      add_readers(out.back(), own, false);
    }
    values += up_to(places[i].count, kAlign);
  }
  return out;
}

}  // namespace

std::vector<std::vector<int>> segments_that_read(const std::vector<ParameterSpec>& specs) {
  std::vector<std::vector<int>> out(specs.size());
  std::vector<bool> unknown(specs.size());
  for (size_t i = 0; i < specs.size(); ++i) {
    const auto owner = static_cast<size_t>(specs[i].tied_to < 0 ? static_cast<int>(i)  //
                                                                : specs[i].tied_to);
    if (specs[i].segment < 0) unknown[owner] = true;
    else out[owner].push_back(specs[i].segment);
  }
  for (size_t i = 0; i < specs.size(); ++i) {
    std::ranges::sort(out[i]);
    const auto doubled = std::ranges::unique(out[i]);
    out[i].erase(doubled.begin(), doubled.end());
    if (unknown[i]) out[i].clear();
  }
  return out;
}

std::vector<ParameterUnit> lay_out(size_t group, std::vector<ParameterPlace>& places,
                                   const std::vector<std::vector<int>>& readers,
                                   const Sharding& sharding, int64_t piece, int64_t& total) {
  std::vector<Cut> cuts = cuts_of(places, readers, sharding.fewest);
  std::ranges::reverse(cuts);
  std::vector<ParameterUnit> out;
  total = 0;
  for (Cut& cut : cuts) {
    if (sharding.cuts_gradients()) total = up_to(total, piece);
    ParameterUnit unit{group, total, 0, cut.completes, std::move(cut.readers)};
    for (size_t i = cut.first; i <= cut.last; ++i) {
      places[i].offset = unit.begin + unit.count;
      unit.count += up_to(places[i].count, kAlign);
    }
    if (sharding.cuts_updates()) unit.count = up_to(unit.count, kAlign * sharding.ranks);
    total += unit.count;
    out.push_back(std::move(unit));
  }
  return out;
}

}  // namespace slipway
