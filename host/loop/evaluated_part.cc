// Cutting a set.
#include "loop/evaluated_part.h"

#include <algorithm>

namespace slipway {
namespace {

// The end of the part that begins at `first`: as many examples as fit, at least one.
size_t part_end(std::span<const Example> examples, size_t first, size_t last, int64_t max_tokens) {
  if (max_tokens <= 0) return last;
  int64_t tokens = 0;
  size_t end = first;
  while (end < last &&
         (end == first || tokens + static_cast<int64_t>(examples[end].ids.size()) <= max_tokens))
    tokens += static_cast<int64_t>(examples[end++].ids.size());
  return end;
}

EvaluatedPart part_of(std::span<const Example> examples, size_t first, size_t last) {
  EvaluatedPart part{first, examples.subspan(first, last - first), {0}, {}, {}, {}, {}};
  for (const Example& example : part.examples) {
    for (const int64_t i : example.labels()) {
      part.labels.push_back(example.ids[static_cast<size_t>(i)]);
      part.positions.push_back(static_cast<int32_t>(i));
    }
    part.offsets.push_back(static_cast<int64_t>(part.labels.size()));
  }
  return part;
}

}  // namespace

std::vector<EvaluatedPart> parts_of_batch(std::span<const Example> set, size_t first, size_t last,
                                          int64_t max_tokens) {
  std::vector<EvaluatedPart> out;
  for (size_t at = first; at < last;) {
    const size_t end = part_end(set, at, last, max_tokens);
    out.push_back(part_of(set, at, end));
    at = end;
  }
  return out;
}

}  // namespace slipway
