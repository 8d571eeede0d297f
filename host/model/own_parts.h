// Work on a group's buffers by all threads, cut as products cut its matrices: where the buffers are
// small, a thread then meets lines that it has written itself, and no core waits for another's.
#pragma once
#include <algorithm>
#include <vector>

#include "compute/parallel.h"
#include "model/parameters.h"
#include "operators/flat_buffers.h"

namespace slipway {

// body(first value, count) once for every value of the group's buffers; what it does to a value may
// depend on that value alone. One call for all of them where they are many, or on a device: body
// uses all threads itself.
template <class Body>
void for_own_parts(const FlatParameters::Group& group, const Body& body) {
  constexpr int64_t kSmall = 262144;  // in a few cores' caches from one step to the next
  constexpr int64_t kLine = 16;
  const int64_t count = group.weights.numel(), threads = parallel_threads(), parts = 2 * threads;
  if (count > kSmall || count < kValuesPerChunk || threads == 1 ||
      host_bytes(group.weights).empty())
    return body(0, count);
  std::vector<int64_t> begins{0};
  for (const FlatParameters::Place& place : group.places) begins.push_back(place.offset);
  std::ranges::sort(begins);
  begins.push_back(count);
  parallel_chunks(parts, [&](int64_t part) {
    for (size_t i = 0; i + 1 < begins.size(); ++i) {
      const int64_t first = begins[i], all = begins[i + 1] - first;
      const auto cut = [&](int64_t p) {
        return p == parts ? begins[i + 1]
                          : std::max(first, (first + p * all / parts) / kLine * kLine);
      };
      if (const int64_t begin = cut(part), end = cut(part + 1); begin < end)
        body(begin, end - begin);
    }
  });
}

}  // namespace slipway
