// Numbering parameters.
#include "optim/parameter_numbers.h"

#include <algorithm>

#include "weights/module_order.h"

namespace slipway {

NumberedParameters number_parameters(const FlatParameters& parameters) {
  std::vector<std::pair<size_t, size_t>> specs_and_views;
  for (const FlatParameters::Group& group : parameters.groups())
    for (const FlatParameters::Place& place : group.places)
      if (group.trainable) specs_and_views.emplace_back(place.index, specs_and_views.size());
  std::ranges::sort(specs_and_views);
  std::vector<std::string> names;
  for (const auto& [spec, view] : specs_and_views) names.push_back(parameters.specs()[spec].name);
  NumberedParameters out;
  for (const bool decays : {true, false}) {
    for (const size_t i : module_order(names)) {
      const auto [spec, view] = specs_and_views[i];
      if ((parameters.specs()[spec].decay && decays_by_name(names[i])) == decays)
        out.parameters.push_back({names[i], parameters.tensor(spec).detach(), view, spec});
    }
    if (decays) out.decaying = out.parameters.size();
  }
  return out;
}

}  // namespace slipway
