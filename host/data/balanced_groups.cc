// Micro-batches of about the same padded cost, by hill climbing.
#include "data/balanced_groups.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <set>

namespace slipway {
namespace {

// What padding `rows` examples to the longest of them costs: layers by its length, attention by the
// square of it.
double padded_cost(size_t rows, int64_t longest) {
  const auto length = static_cast<double>(longest), count = static_cast<double>(rows);
  const double attention = 0.001 * count * length * length;
  return count * length + attention;
}

// Examples lie in descending order of length; counts[g] of them, one group after the other.
std::vector<double> costs_of(const std::vector<size_t>& counts,
                             const std::vector<int64_t>& descending) {
  std::vector<double> out;
  size_t begin = 0;
  for (const size_t count : counts) {
    out.push_back(count == 0 ? 0 : padded_cost(count, descending[begin]));
    begin += count;
  }
  return out;
}

// One example at a time goes from the dearest group to the cheapest, until no move is new; the most
// even split seen on the way.
std::vector<size_t> even_counts(const std::vector<int64_t>& descending, size_t groups,
                                size_t effective) {
  std::vector<size_t> counts(groups, descending.size() / groups);
  for (size_t g = 0; g < descending.size() % groups; ++g) ++counts[g];
  std::vector<size_t> best = counts;
  double best_spread = std::numeric_limits<double>::infinity();
  std::set<std::vector<size_t>> seen;
  for (size_t moves = std::max(groups * 30, effective);
       moves > 0 && groups > 1 && seen.insert(counts).second; --moves) {
    const std::vector<double> costs = costs_of(counts, descending);
    const auto dearest = std::ranges::max_element(costs),
               cheapest = std::ranges::min_element(costs);
    if (*dearest - *cheapest < best_spread) best_spread = *dearest - *cheapest, best = counts;
    size_t& giver = counts[static_cast<size_t>(dearest - costs.begin())];
    if (*dearest == *cheapest || giver <= 1) break;
    --giver;
    ++counts[static_cast<size_t>(cheapest - costs.begin())];
  }
  return best;
}

}  // namespace

std::vector<std::vector<size_t>> balanced_groups(const std::vector<int64_t>& lengths, size_t groups,
                                                 size_t effective) {
  std::vector<size_t> order(lengths.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::stable_sort(order, std::greater<>(), [&](size_t i) { return lengths[i]; });
  std::vector<int64_t> descending;
  for (const size_t i : order) descending.push_back(lengths[i]);
  const std::vector<size_t> counts = even_counts(descending, groups, effective);
  const std::vector<double> costs = costs_of(counts, descending);
  std::vector<size_t> by_cost(groups);
  std::iota(by_cost.begin(), by_cost.end(), size_t{0});
  std::ranges::stable_sort(by_cost, std::greater<>(), [&](size_t g) { return costs[g]; });
  std::vector<std::vector<size_t>> out;
  for (const size_t g : by_cost) {
    const auto begin =
        order.begin() + static_cast<int64_t>(std::accumulate(
                            counts.begin(), counts.begin() + static_cast<int64_t>(g), size_t{0}));
    out.emplace_back(begin, begin + static_cast<int64_t>(counts[g]));
  }
  return out;
}

}  // namespace slipway
