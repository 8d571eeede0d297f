// Cutting.
#include "loop/gradient_units.h"

#include <algorithm>

namespace slipway {
namespace {

// Of each parameter the lowest segment that reads it, itself or one that is tied to it.
std::vector<int> lowest_readers(const std::vector<ParameterSpec>& specs) {
  std::vector<int> out;
  for (const ParameterSpec& spec : specs) out.push_back(std::max(0, spec.segment));
  for (size_t i = 0; i < specs.size(); ++i)
    if (const int owner = specs[i].tied_to; owner >= 0) {
      int& lowest = out[static_cast<size_t>(owner)];
      lowest = std::min(lowest, out[i]);
    }
  return out;
}

}  // namespace

std::vector<GradientUnit> gradient_units(const FlatParameters& parameters, int64_t fewest) {
  const std::vector<int> readers = lowest_readers(parameters.specs());
  std::vector<GradientUnit> out;
  for (const FlatParameters::Group& group : parameters.groups()) {
    if (!group.trainable) continue;
    // From the end of the buffer, where the last segments lie.
    int64_t end = group.grads.numel();
    int segment = -1;
    for (size_t i = group.places.size(); i-- > 0;) {
      const FlatParameters::Place& place = group.places[i];
      const int own = readers[place.index];
      if (segment >= 0 && own != segment && end - group.places[i + 1].offset >= fewest) {
        const int64_t begin = group.places[i + 1].offset;
        out.push_back({group.grads.narrow(0, begin, end - begin), segment});
        end = begin;
        segment = -1;
      }
      segment = segment < 0 ? own : std::min(segment, own);
    }
    if (end > 0) out.push_back({group.grads.narrow(0, 0, end), std::max(0, segment)});
  }
  std::ranges::stable_sort(
      out, [](const GradientUnit& a, const GradientUnit& b) { return a.segment > b.segment; });
  return out;
}

}  // namespace slipway
