// distinct-n.
#include "raft/diversity.h"

#include <unordered_set>

namespace slipway {

double distinct_n(std::span<const std::vector<int32_t>> sequences, size_t n) {
  std::unordered_set<uint64_t> seen;
  size_t total = 0;
  for (const std::vector<int32_t>& ids : sequences)
    for (size_t i = 0; i + n <= ids.size(); ++i, ++total) {
      const auto first = static_cast<uint32_t>(ids[i]),
                 last = static_cast<uint32_t>(ids[i + n - 1]);
      seen.insert(uint64_t{first} << 32 | last);
    }
  return total == 0 ? 0 : static_cast<double>(seen.size()) / static_cast<double>(total);
}

}  // namespace slipway
